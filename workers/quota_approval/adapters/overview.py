"""Reviews, published versions and the signed trail, read for people: HTTP and the command line share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow, class_row

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
    connection: Connection, *, organisation: str | None = None, quota_id: str | None = None, limit: int = 50
) -> Sequence[ReviewLine]:
    """Reviews, the latest first."""
    async with connection.cursor(row_factory=class_row(ReviewLine)) as cursor:
        await cursor.execute(
            """
            SELECT r.quota_id, r.organisation, r.period, r.reason, r.asked_by, r.state, r.opened_at, r.closed_at,
                r.version AS plan_version, p.version, ARRAY(SELECT DISTINCT target FROM quotas.sendings s
                      WHERE s.version = p.version AND s.state = 'delivered' ORDER BY target) AS in_use,
                (SELECT count(*) FROM quotas.cases c WHERE c.quota_id = r.quota_id) AS quotas,
                (SELECT count(*) FROM quotas.cases c WHERE c.quota_id = r.quota_id AND c.state = 'waiting') AS waiting,
                (SELECT count(*) FROM quotas.cases c WHERE c.quota_id = r.quota_id AND c.level = 'none') AS passed
            FROM quotas.reviews r
            LEFT JOIN LATERAL (SELECT version FROM quotas.publications
                               WHERE quota_id = r.quota_id ORDER BY release DESC LIMIT 1) p ON true
            WHERE (%(organisation)s::text IS NULL OR r.organisation = %(organisation)s)
              AND (%(quota_id)s::text IS NULL OR r.quota_id = %(quota_id)s)
            ORDER BY r.opened_at DESC, r.quota_id DESC LIMIT %(limit)s
            """,
            {"organisation": organisation, "quota_id": quota_id, "limit": limit},
        )
        return await cursor.fetchall()


async def cases(connection: Connection, quota_id: str, *, state: str | None = None) -> Sequence[CaseLine]:
    """The quotas of a review, units first, from the top."""
    async with connection.cursor(row_factory=class_row(CaseLine)) as cursor:
        await cursor.execute(
            "SELECT node, facts->>'name' AS name, facts->>'level' AS level, quota,"
            " (facts->>'last_quota')::bigint AS last_quota, (facts->>'odds')::float8 AS odds, c.level AS needs, stage,"
            " state, why, adjusted_by FROM quotas.cases c WHERE quota_id = %s"
            " AND (%s::text IS NULL OR state = %s) ORDER BY place",
            (quota_id, state, state),
        )
        return await cursor.fetchall()


async def history(connection: Connection, organisation: str | None, limit: int = 50) -> Sequence[PublishedLine]:
    """Versions, the latest first."""
    async with connection.cursor(row_factory=class_row(PublishedLine)) as cursor:
        await cursor.execute(
            """
            SELECT version, quota_id, organisation, period, plan_version, currency, valid_from, valid_until, made_at,
                ARRAY(SELECT DISTINCT target FROM quotas.sendings s
                      WHERE s.version = p.version AND s.state = 'delivered' ORDER BY target) AS in_use
            FROM quotas.publications p WHERE %s::text IS NULL OR organisation = %s ORDER BY id DESC LIMIT %s
            """,
            (organisation, organisation, limit),
        )
        return await cursor.fetchall()


async def published(connection: Connection, version: str) -> Sequence[PublishedQuota]:
    """The quotas of a version; none if there is no such version."""
    async with connection.cursor(row_factory=class_row(PublishedQuota)) as cursor:
        await cursor.execute(
            "SELECT node, name, parent, level, quota, last_quota, odds FROM quotas.published WHERE version = %s"
            " ORDER BY place",
            (version,),
        )
        return await cursor.fetchall()


async def card(connection: Connection, plan_version: str | None) -> dict[str, Any]:  # Any: JSON
    """What a plan says of itself: rules, figures, edits; empty if there is none."""
    cursor = await connection.execute("SELECT card FROM quotas.plans WHERE version = %s", (plan_version,))
    row = await cursor.fetchone()
    found: dict[str, Any] = row["card"] if row else {}
    return found


async def nodes(connection: Connection, quota_id: str) -> list[str]:
    """Units and reps of a review, units first."""
    cursor = await connection.execute("SELECT node FROM quotas.cases WHERE quota_id = %s ORDER BY place", (quota_id,))
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
