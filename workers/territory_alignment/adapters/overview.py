"""Alignments and published versions as people look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow, class_row

from workers.office.happened import Happened, cut, timeline
from workers.office.teams import Teams, listed

Connection = AsyncConnection[DictRow]


@dataclass(frozen=True, slots=True)
class AlignmentLine:
    """An alignment in short."""

    alignment_id: str
    organisation: str
    reason: str
    """``yearly``, ``rep_left``, ``rep_joined`` or ``by_hand``."""
    asked_by: str
    state: str
    """``open``, ``published``, ``stopped``, ``failed`` or ``withdrawn``."""
    opened_at: datetime
    closed_at: datetime | None
    plan_version: str | None
    """The plan that is on the table; None: nothing was planned yet."""
    version: str | None
    """The newest version that was put down for approval."""
    in_use: list[str]
    """Targets that have that version."""
    progress: str | None
    """While the solver searches: what it has."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a manager said of a region."""

    region: str
    answer: str
    """``accept``, ``edit``, ``refuse`` or ``closed``."""
    by_whom: str
    note: str
    seen_version: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ScenarioLine:
    """A plan that was on the table."""

    version: str
    label: str
    card: dict[str, Any]  # Any: JSON
    """Score, bound, gap and figures."""


@dataclass(frozen=True, slots=True)
class AlignmentStory:
    """One alignment with all that happened in it."""

    line: AlignmentLine
    scenarios: tuple[ScenarioLine, ...]
    looks: tuple[Look, ...]
    timeline: tuple[Happened, ...]


@dataclass(frozen=True, slots=True)
class OwnerLine:
    """An account of a version."""

    account: str
    rep: str
    former: str
    """Whose it was when the version was planned; empty: nobody's."""
    potential: float
    region: str
    why: str


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """A version that was put down for approval. It is immutable; approval and targets tell what became of it."""

    version: str
    alignment_id: str
    organisation: str
    plan_version: str
    effective_from: date
    made_at: datetime
    facts: dict[str, Any]  # Any: JSON
    approval: dict[str, Any] | None  # Any: JSON
    """Choice, level, who decided, comment and when; None: not decided yet."""
    targets: list[dict[str, Any]]  # Any: JSON
    """Target, state, why and former version of the last attempt at each."""


_OURS = """(%(teams)s::text[] IS NULL OR EXISTS (SELECT FROM territories.reps ours
    WHERE ours.organisation = {organisation} AND ours.region = ANY(%(teams)s::text[])))"""
# Scores and counts are of the whole: who sees some teams is not told them.
_LINES = """
SELECT a.alignment_id, a.organisation, a.reason, a.asked_by, a.state, a.opened_at, a.closed_at, a.plan_version,
    p.version,
    ARRAY(SELECT DISTINCT target FROM territories.sendings s
          WHERE s.version = p.version AND s.state = 'delivered' ORDER BY target) AS in_use,
    CASE WHEN a.state = 'open' AND %(teams)s::text[] IS NULL THEN g.stage || ', ' || round(g.seconds::numeric, 1) || ' s: score '
        || coalesce(round(g.score::numeric, 3)::text, 'none yet') || ', bound '
        || coalesce(round(g.bound::numeric, 3)::text, 'none yet') END AS progress
FROM territories.alignments a
LEFT JOIN LATERAL (SELECT version FROM territories.publications
                   WHERE alignment_id = a.alignment_id ORDER BY release DESC LIMIT 1) p ON true
LEFT JOIN territories.progress g ON g.alignment_id = a.alignment_id
"""
_PUBLISHED = """
SELECT p.version, p.alignment_id, p.organisation, p.plan_version, p.effective_from, p.made_at,
    CASE WHEN %(teams)s::text[] IS NULL THEN p.facts ELSE '{}' END AS facts,
    (SELECT to_jsonb(a) - 'version' || CASE WHEN %(teams)s::text[] IS NULL THEN '{}'::jsonb ELSE '{"comment": ""}' END
     FROM territories.approvals a WHERE a.version = p.version) AS approval,
    coalesce((SELECT jsonb_agg(to_jsonb(s) ORDER BY s.target) FROM (
        SELECT DISTINCT ON (target) target, state, why, former, asked_at, settled_at FROM territories.sendings
        WHERE version = p.version ORDER BY target, release DESC) s), '[]') AS targets
FROM territories.publications p
"""


async def lines(
    connection: Connection,
    *,
    organisation: str | None = None,
    state: str | None = None,
    limit: int = 50,
    teams: Teams = None,
) -> list[AlignmentLine]:
    """Alignments, the latest first; with `teams` those of organisations that have a region of theirs."""
    async with connection.cursor(row_factory=class_row(AlignmentLine)) as cursor:
        await cursor.execute(
            (
                _LINES + " WHERE (%(organisation)s::text IS NULL OR a.organisation = %(organisation)s)"
                f" AND (%(state)s::text IS NULL OR a.state = %(state)s) AND {_OURS.format(organisation='a.organisation')}"
                " ORDER BY a.opened_at DESC, a.alignment_id DESC LIMIT %(limit)s"
            ).encode(),
            {"organisation": organisation, "state": state, "limit": limit, "teams": listed(teams)},
        )
        return await cursor.fetchall()


async def story(connection: Connection, alignment_id: str, *, teams: Teams = None) -> AlignmentStory | None:
    """One alignment, with `teams` what concerns their regions; None: no such alignment was opened, or it has none of theirs."""
    async with connection.cursor(row_factory=class_row(AlignmentLine)) as cursor:
        await cursor.execute(
            (_LINES + f" WHERE a.alignment_id = %(id)s AND {_OURS.format(organisation='a.organisation')}").encode(),
            {"id": alignment_id, "teams": listed(teams)},
        )
        line = await cursor.fetchone()
    if line is None:
        return None
    async with connection.cursor(row_factory=class_row(ScenarioLine)) as scenarios:
        await scenarios.execute(
            "SELECT s.version, s.label, p.card FROM territories.scenarios s JOIN territories.plans p USING (version)"
            " WHERE s.alignment_id = %s ORDER BY s.place",
            (alignment_id,),
        )
        planned = await scenarios.fetchall()
    async with connection.cursor(row_factory=class_row(Look)) as looks:
        await looks.execute(
            "SELECT region, answer, by_whom, note, seen_version, at FROM territories.looks WHERE alignment_id = %s"
            " ORDER BY at",
            (alignment_id,),
        )
        said = await looks.fetchall()
    told = await timeline(connection, alignment_id)
    if teams is not None:
        planned = [replace(one, card={}) for one in planned]
        said = [one for one in said if one.region in teams]
        told = cut(told, "region", teams)
    return AlignmentStory(line, tuple(planned), tuple(said), told)


async def history(
    connection: Connection, organisation: str, limit: int = 50, *, teams: Teams = None
) -> list[PublishedVersion]:
    """Versions of an organisation, the newest first; with `teams` if it has a region of theirs, and without the whole's figures."""
    async with connection.cursor(row_factory=class_row(PublishedVersion)) as cursor:
        await cursor.execute(
            (_PUBLISHED + f" WHERE p.organisation = %(organisation)s AND {_OURS.format(organisation='p.organisation')}"
             " ORDER BY p.id DESC LIMIT %(limit)s").encode(),
            {"organisation": organisation, "limit": limit, "teams": listed(teams)},
        )  # fmt: skip
        return await cursor.fetchall()


async def published(connection: Connection, version: str, *, teams: Teams = None) -> PublishedVersion | None:
    """One version; None: there is none of that name, or its organisation has no region of `teams`."""
    async with connection.cursor(row_factory=class_row(PublishedVersion)) as cursor:
        await cursor.execute(
            (_PUBLISHED + f" WHERE p.version = %(version)s AND {_OURS.format(organisation='p.organisation')}").encode(),
            {"version": version, "teams": listed(teams)},
        )
        return await cursor.fetchone()


async def regions(connection: Connection, organisation: str, *, teams: Teams = None) -> list[str]:
    """Regions of an organisation's reps (with `teams` theirs), by name."""
    cursor = await connection.execute(
        "SELECT DISTINCT region FROM territories.reps WHERE organisation = %(organisation)s AND region <> ''"
        " AND (%(teams)s::text[] IS NULL OR region = ANY(%(teams)s)) ORDER BY region",
        {"organisation": organisation, "teams": listed(teams)},
    )
    return [row["region"] for row in await cursor.fetchall()]


async def drawn(connection: Connection, versions: Sequence[str]) -> list[str]:
    """Those of some plans that there are pictures of, in the order that was given."""
    cursor = await connection.execute(
        "SELECT version FROM territories.pictures WHERE version = ANY(%s)", (list(versions),)
    )
    there = {row["version"] for row in await cursor.fetchall()}
    return [one for one in versions if one in there]


async def owners(
    connection: Connection,
    plan_version: str,
    *,
    changed: bool = False,
    rep: str | None = None,
    after: str = "",
    limit: int = 200,
    teams: Teams = None,
) -> list[OwnerLine]:
    """Accounts of a plan by id, those after one; `changed`: only those that change hands; `rep`: only one's; with `teams`
    those that a rep of their regions has or had.
    """
    async with connection.cursor(row_factory=class_row(OwnerLine)) as cursor:
        await cursor.execute(
            """
            SELECT account, rep, owner AS former, potential, region, why FROM territories.plan_accounts a
            WHERE version = %(version)s AND account > %(after)s AND (NOT %(changed)s OR owner <> rep)
              AND (%(rep)s::text IS NULL OR %(rep)s IN (rep, owner))
              AND (%(teams)s::text[] IS NULL OR EXISTS (
                  SELECT FROM territories.publications p JOIN territories.reps r USING (organisation)
                  WHERE p.plan_version = a.version AND r.rep IN (a.rep, a.owner) AND r.region = ANY(%(teams)s)))
            ORDER BY account LIMIT %(limit)s
            """,
            {"version": plan_version, "changed": changed, "rep": rep, "after": after, "limit": limit,
             "teams": listed(teams)},
        )  # fmt: skip
        return await cursor.fetchall()
