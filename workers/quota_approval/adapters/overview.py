"""Reviews, published versions and the signed trail, read for people: HTTP and the command line share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow, class_row

from workers.office.teams import OURS, Teams, listed
from workers.quota_approval.domain.trail import Entry, broken_at

Connection = AsyncConnection[DictRow]


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """A review and what came of it."""

    quota_id: str
    organisation: str
    period: str
    reason: str
    asked_by: str
    state: str
    opened_at: datetime
    closed_at: datetime | None
    plan_version: str | None
    version: str | None
    in_use: list[str]
    quotas: int
    waiting: int
    passed: int
    """Nobody had to look at them."""


@dataclass(frozen=True, slots=True)
class CaseLine:
    """Where a quota stands. Amounts in cents."""

    node: str
    name: str
    level: str
    quota: int
    last_quota: int | None
    odds: float
    needs: str | None
    stage: str | None
    state: str
    why: str
    adjusted_by: str | None


@dataclass(frozen=True, slots=True)
class PublishedLine:
    """A version that was composed."""

    version: str
    quota_id: str
    organisation: str
    period: str
    plan_version: str
    currency: str
    valid_from: date
    valid_until: date
    made_at: datetime
    in_use: list[str]


@dataclass(frozen=True, slots=True)
class PublishedQuota:
    """A quota of a version. Amounts in cents."""

    node: str
    name: str
    parent: str
    level: str
    quota: int
    last_quota: int | None
    odds: float


# Not correlated with the row that is asked about, so that the units are looked up once.
_CASE_IS_OURS = f"""(%(teams)s::text[] IS NULL OR c.node IN (
    WITH RECURSIVE all_units AS (
        SELECT u.node, u.facts->>'parent' AS parent FROM quotas.cases u WHERE u.quota_id = {{review}}
    ), {OURS} SELECT node FROM ours))"""  # noqa: S608 - of our own constants only
CASE_IS_OURS = _CASE_IS_OURS.format(review="%(quota_id)s")
"""SQL on ``quotas.cases c`` of one review: whether the quota is of the teams' units."""
_PUBLISHED_IS_OURS = f"""(%(teams)s::text[] IS NULL OR q.node IN (
    WITH RECURSIVE all_units AS (SELECT u.node, u.parent FROM quotas.published u WHERE u.version = %(version)s),
    {OURS} SELECT node FROM ours))"""  # noqa: S608 - of our own constants only


@dataclass(frozen=True, slots=True)
class OrganisationLine:
    """Whose quotas are set."""

    id: str
    name: str
    currency: str
    forecast_of: str | None
    territories_of: str | None


async def organisations(connection: Connection) -> Sequence[OrganisationLine]:
    """All there are, by id."""
    async with connection.cursor(row_factory=class_row(OrganisationLine)) as cursor:
        await cursor.execute(
            "SELECT id, name, currency, forecast_of, territories_of FROM quotas.organisations ORDER BY id"
        )
        return await cursor.fetchall()


async def reviews(
    connection: Connection,
    *,
    organisation: str | None = None,
    quota_id: str | None = None,
    limit: int = 50,
    teams: Teams = None,
) -> Sequence[ReviewLine]:
    """Reviews, the latest first; with `teams` those with quotas of theirs, and counts of these only."""
    async with connection.cursor(row_factory=class_row(ReviewLine)) as cursor:
        await cursor.execute(
            f"""
            SELECT r.quota_id, r.organisation, r.period, r.reason, r.asked_by, r.state, r.opened_at, r.closed_at,
                r.version AS plan_version, p.version, ARRAY(SELECT DISTINCT target FROM quotas.sendings s
                      WHERE s.version = p.version AND s.state = 'delivered' ORDER BY target) AS in_use,
                n.quotas, n.waiting, n.passed
            FROM quotas.reviews r
            CROSS JOIN LATERAL (
                SELECT count(*) AS quotas, count(*) FILTER (WHERE c.state = 'waiting') AS waiting,
                    count(*) FILTER (WHERE c.level = 'none') AS passed
                FROM quotas.cases c
                WHERE c.quota_id = r.quota_id AND {_CASE_IS_OURS.format(review="r.quota_id")}) n
            LEFT JOIN LATERAL (SELECT version FROM quotas.publications
                               WHERE quota_id = r.quota_id ORDER BY release DESC LIMIT 1) p ON true
            WHERE (%(organisation)s::text IS NULL OR r.organisation = %(organisation)s)
              AND (%(quota_id)s::text IS NULL OR r.quota_id = %(quota_id)s)
              AND (%(teams)s::text[] IS NULL OR n.quotas > 0 OR EXISTS (
                   SELECT FROM quotas.publications v JOIN quotas.published q USING (version)
                   WHERE v.quota_id = r.quota_id AND q.node = ANY(%(teams)s)))
            ORDER BY r.opened_at DESC, r.quota_id DESC LIMIT %(limit)s
            """.encode(),  # noqa: S608 - of our own constants only
            {"organisation": organisation, "quota_id": quota_id, "limit": limit, "teams": listed(teams)},
        )
        return await cursor.fetchall()


async def cases(
    connection: Connection, quota_id: str, *, state: str | None = None, teams: Teams = None
) -> Sequence[CaseLine]:
    """The quotas of a review, units first, from the top; with `teams` those of their units."""
    async with connection.cursor(row_factory=class_row(CaseLine)) as cursor:
        await cursor.execute(
            "SELECT node, facts->>'name' AS name, facts->>'level' AS level, quota,"  # noqa: S608 - of our own constants only
            " (facts->>'last_quota')::bigint AS last_quota, (facts->>'odds')::float8 AS odds, c.level AS needs, stage,"
            " state, why, adjusted_by FROM quotas.cases c WHERE quota_id = %(quota_id)s"
            f" AND (%(state)s::text IS NULL OR state = %(state)s) AND {CASE_IS_OURS} ORDER BY place".encode(),
            {"quota_id": quota_id, "state": state, "teams": listed(teams)},
        )
        return await cursor.fetchall()


async def history(
    connection: Connection, organisation: str | None, limit: int = 50, *, teams: Teams = None
) -> Sequence[PublishedLine]:
    """Versions, the latest first; with `teams` those with quotas of theirs."""
    async with connection.cursor(row_factory=class_row(PublishedLine)) as cursor:
        await cursor.execute(
            """
            SELECT version, quota_id, organisation, period, plan_version, currency, valid_from, valid_until, made_at,
                ARRAY(SELECT DISTINCT target FROM quotas.sendings s
                      WHERE s.version = p.version AND s.state = 'delivered' ORDER BY target) AS in_use
            FROM quotas.publications p WHERE (%(organisation)s::text IS NULL OR organisation = %(organisation)s)
              AND (%(teams)s::text[] IS NULL OR EXISTS (
                   SELECT FROM quotas.published q WHERE q.version = p.version AND q.node = ANY(%(teams)s)))
            ORDER BY id DESC LIMIT %(limit)s
            """,
            {"organisation": organisation, "limit": limit, "teams": listed(teams)},
        )
        return await cursor.fetchall()


async def published(connection: Connection, version: str, *, teams: Teams = None) -> Sequence[PublishedQuota]:
    """The quotas of a version, with `teams` those of their units; none if there is no such version."""
    async with connection.cursor(row_factory=class_row(PublishedQuota)) as cursor:
        await cursor.execute(
            "SELECT node, name, parent, level, quota, last_quota, odds FROM quotas.published q WHERE version = %(version)s"  # noqa: S608 - of our own constants only
            f" AND {_PUBLISHED_IS_OURS} ORDER BY place".encode(),
            {"version": version, "teams": listed(teams)},
        )
        return await cursor.fetchall()


async def card(connection: Connection, plan_version: str | None) -> dict[str, Any]:  # Any: JSON
    """What a plan says of itself: rules, figures, edits; empty if there is none."""
    cursor = await connection.execute("SELECT card FROM quotas.plans WHERE version = %s", (plan_version,))
    row = await cursor.fetchone()
    found: dict[str, Any] = row["card"] if row else {}
    return found


async def nodes(connection: Connection, quota_id: str, *, teams: Teams = None) -> list[str]:
    """Units and reps of a review (with `teams` theirs), units first."""
    cursor = await connection.execute(
        f"SELECT node FROM quotas.cases c WHERE quota_id = %(quota_id)s AND {CASE_IS_OURS} ORDER BY place".encode(),  # noqa: S608
        {"quota_id": quota_id, "teams": listed(teams)},
    )
    return [row["node"] for row in await cursor.fetchall()]


async def trail(connection: Connection, quota_id: str, secret: bytes) -> tuple[Sequence[Entry], int | None]:
    """The signed trail of a review, and the number of the first row that was tampered with; None: none was."""
    async with connection.cursor(row_factory=class_row(Entry)) as cursor:
        await cursor.execute(
            "SELECT number, node, action, actor, at, seen, mac FROM quotas.trail WHERE quota_id = %s ORDER BY number",
            (quota_id,),
        )
        entries = await cursor.fetchall()
    return entries, broken_at(secret, quota_id, entries)


async def own_units(connection: Connection, organisation: str, teams: Teams) -> frozenset[str] | None:
    """Units and reps of the newest version that are the teams'; None: all are."""
    if teams is None:
        return None
    newest = await history(connection, organisation, 1)
    return (
        frozenset(one.node for one in await published(connection, newest[0].version, teams=teams))
        if newest
        else frozenset()
    )
