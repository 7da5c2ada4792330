"""What self-healing looks after and what it did, for the page Operations and for `fairlead heal`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from psycopg import AsyncConnection
from psycopg.rows import DictRow, class_row

from workers.healing.model import Report
from workers.healing.switch import SUBJECT, Switch
from workers.operations.audit import Entry
from workers.operations.rendering import ago, as_moment, table
from workers.runtime.database import Pool

if TYPE_CHECKING:
    from rich.table import Table

LISTED = 200

_COLUMNS = "subject, symptom, business_id, process, task, message, since, state, rule, why, attempts, last_at, next_at, ended_at"
_OPEN = f"""
    SELECT {_COLUMNS} FROM healing.cases WHERE ended_at IS NULL
    ORDER BY array_position(ARRAY['given_up', 'limited', 'waiting'], state), since, subject LIMIT %s
"""  # noqa: S608 - of our own names only
_HEALED = f"""
    SELECT {_COLUMNS} FROM healing.cases WHERE state = 'healed' AND ended_at IS NOT NULL
    ORDER BY ended_at DESC, subject LIMIT %s
"""  # noqa: S608 - likewise
_DAY = """
    SELECT count(*) FILTER (WHERE state = 'healed') AS healed, count(*) FILTER (WHERE state = 'gone') AS gone,
           avg(extract(epoch FROM last_at - since)) FILTER (WHERE state = 'healed')::float8 AS seconds
    FROM healing.cases WHERE ended_at > clock_timestamp() - interval '1 day'
"""
_HISTORY = """
    SELECT * FROM runtime.audit
    WHERE (starts_with(actor, 'policy:') OR subject = %(subject)s) AND (%(case)s::text IS NULL OR business_id = %(case)s)
      AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
    ORDER BY id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """One case as people see it."""

    subject: str
    symptom: str
    business_id: str
    process: str
    task: str
    message: str
    since: datetime
    state: str
    rule: str
    why: str
    attempts: int
    last_at: datetime | None
    next_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Day:
    """The last 24 hours."""

    healed: int
    gone: int
    """Ended otherwise: by themselves, or by a person."""
    seconds: float | None
    """Mean time from a trouble's beginning to the attempt that healed it."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What the page Operations shows of self-healing."""

    open: list[Shown]
    healed: list[Shown]
    day: Day


async def overview(connection: AsyncConnection[DictRow], healed: int = 15) -> Overview:
    """What is open, what was healed lately, and the last day in figures."""
    async with connection.cursor(row_factory=class_row(Day)) as cursor:
        day = await (await cursor.execute(_DAY)).fetchone()
    assert day is not None  # counts always give a row
    return Overview(await _shown(connection, _OPEN, LISTED), await _shown(connection, _HEALED, healed), day)


async def open_cases(pool: Pool) -> list[Shown]:
    """What is open: given up first."""
    async with pool.connection() as connection:
        return await _shown(connection, _OPEN, LISTED)


async def history(pool: Pool, *, case: str | None, since: datetime | None, limit: int) -> list[Entry]:
    """What was done and who switched it, from the audit trail, latest first."""
    given = {"subject": SUBJECT, "case": case, "since": since, "limit": limit}
    async with pool.connection() as connection:
        return [Entry(**row) for row in await (await connection.execute(_HISTORY, given)).fetchall()]


async def _shown(connection: AsyncConnection[DictRow], query: str, limit: int) -> list[Shown]:
    async with connection.cursor(row_factory=class_row(Shown)) as cursor:
        return await (await cursor.execute(query.encode(), (limit,))).fetchall()


def position(switch: Switch) -> str:
    """The switch in a sentence."""
    if not switch.enabled:
        return "Self-healing is off by the setting healing.enabled (FAIRLEAD_HEALING__ENABLED)."
    return f"Self-healing is {'on' if switch.is_on else 'off'}, by {switch.actor} since {switch.at:%Y-%m-%d %H:%M} UTC: {switch.why}"


def listed(found: Sequence[Shown]) -> Table:
    """Cases in the terminal."""
    shown = table("state", "since", "what", "case", "tries", "why", folded="why")
    for one in found:
        what = f"{one.symptom} {one.task}".strip()
        why = f"{one.rule}: {one.why}" if one.rule else one.why or one.message
        shown.add_row(one.state, ago(one.since), what, one.business_id or "—", str(one.attempts), why)
    return shown


def round_(reports: Sequence[Report]) -> Table:
    """What one round did, in the terminal."""
    shown = table("rule", "action", "done", "would", "waiting", "limited", "for a person", "away")
    for one in reports:
        shown.add_row(
            one.rule, one.action, f"{sum(done.ok for done in one.done)} of {len(one.done)}", str(one.would),
            str(one.waiting), str(one.limited), str(one.given_up), one.away or "—",
        )  # fmt: skip
    return shown


def as_json(items: Sequence[Report | Shown]) -> str:
    """A JSON array, moments in ISO 8601."""
    return json.dumps([asdict(one) for one in items], indent=2, default=as_moment)
