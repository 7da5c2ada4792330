"""Alignments and published versions as people look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow, class_row

from workers.office.happened import Happened, timeline

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


_LINES = """
SELECT a.alignment_id, a.organisation, a.reason, a.asked_by, a.state, a.opened_at, a.closed_at, a.plan_version,
    p.version,
    ARRAY(SELECT DISTINCT target FROM territories.sendings s
          WHERE s.version = p.version AND s.state = 'delivered' ORDER BY target) AS in_use,
    CASE WHEN a.state = 'open' THEN g.stage || ', ' || round(g.seconds::numeric, 1) || ' s: score '
        || coalesce(round(g.score::numeric, 3)::text, 'none yet') || ', bound '
        || coalesce(round(g.bound::numeric, 3)::text, 'none yet') END AS progress
FROM territories.alignments a
LEFT JOIN LATERAL (SELECT version FROM territories.publications
                   WHERE alignment_id = a.alignment_id ORDER BY release DESC LIMIT 1) p ON true
LEFT JOIN territories.progress g ON g.alignment_id = a.alignment_id
"""
_PUBLISHED = """
SELECT p.version, p.alignment_id, p.organisation, p.plan_version, p.effective_from, p.made_at, p.facts,
    (SELECT to_jsonb(a) - 'version' FROM territories.approvals a WHERE a.version = p.version) AS approval,
    coalesce((SELECT jsonb_agg(to_jsonb(s) ORDER BY s.target) FROM (
        SELECT DISTINCT ON (target) target, state, why, former, asked_at, settled_at FROM territories.sendings
        WHERE version = p.version ORDER BY target, release DESC) s), '[]') AS targets
FROM territories.publications p
"""


async def lines(
    connection: Connection, *, organisation: str | None = None, state: str | None = None, limit: int = 50
) -> list[AlignmentLine]:
    """Alignments, the latest first."""
    async with connection.cursor(row_factory=class_row(AlignmentLine)) as cursor:
        await cursor.execute(
            _LINES + " WHERE (%(organisation)s::text IS NULL OR a.organisation = %(organisation)s)"
            " AND (%(state)s::text IS NULL OR a.state = %(state)s)"
            " ORDER BY a.opened_at DESC, a.alignment_id DESC LIMIT %(limit)s",
            {"organisation": organisation, "state": state, "limit": limit},
        )
        return await cursor.fetchall()


async def story(connection: Connection, alignment_id: str) -> AlignmentStory | None:
    """One alignment; None: no such alignment was opened."""
    async with connection.cursor(row_factory=class_row(AlignmentLine)) as cursor:
        await cursor.execute(_LINES + " WHERE a.alignment_id = %s", (alignment_id,))
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
    return AlignmentStory(line, tuple(planned), tuple(said), await timeline(connection, alignment_id))


async def history(connection: Connection, organisation: str, limit: int = 50) -> list[PublishedVersion]:
    """Versions of an organisation, the newest first."""
    async with connection.cursor(row_factory=class_row(PublishedVersion)) as cursor:
        await cursor.execute(
            _PUBLISHED + " WHERE p.organisation = %s ORDER BY p.id DESC LIMIT %s", (organisation, limit)
        )
        return await cursor.fetchall()


async def published(connection: Connection, version: str) -> PublishedVersion | None:
    """One version; None: there is none of that name."""
    async with connection.cursor(row_factory=class_row(PublishedVersion)) as cursor:
        await cursor.execute(_PUBLISHED + " WHERE p.version = %s", (version,))
        return await cursor.fetchone()


async def regions(connection: Connection, organisation: str) -> list[str]:
    """Regions of an organisation's reps, by name."""
    cursor = await connection.execute(
        "SELECT DISTINCT region FROM territories.reps WHERE organisation = %s AND region <> '' ORDER BY region",
        (organisation,),
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
) -> list[OwnerLine]:
    """Accounts of a plan by id, those after one; `changed`: only those that change hands; `rep`: only one's."""  # fmt: skip
    async with connection.cursor(row_factory=class_row(OwnerLine)) as cursor:
        await cursor.execute(
            """
            SELECT account, rep, owner AS former, potential, region, why FROM territories.plan_accounts
            WHERE version = %(version)s AND account > %(after)s AND (NOT %(changed)s OR owner <> rep)
              AND (%(rep)s::text IS NULL OR %(rep)s IN (rep, owner))
            ORDER BY account LIMIT %(limit)s
            """,
            {"version": plan_version, "changed": changed, "rep": rep, "after": after, "limit": limit},
        )
        return await cursor.fetchall()
