"""Imports and comparisons: one at a time for each system, taken up again where a killed one was, and kept for reports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.runtime.database import Pool, alone

Kind = Literal["import", "reconcile"]

KEPT_RUNS = 100
"""Of each kind and system; older ones are forgotten with what they found."""


class Busy(Exception):
    """Another import or comparison of the same system is at work."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one lead, and what became of it."""

    kind: str
    """As `sync.differences.kind`."""
    lead_id: str | None
    record_id: str | None
    fields: tuple[str, ...]
    became: str


@dataclass(slots=True)
class Run:
    """One import or comparison."""

    id: int
    system: str
    kind: Kind
    started_at: datetime
    options: Mapping[str, Any]  # Any: JSON
    cursor: dict[str, Any] | None
    counts: dict[str, int]
    resumed: bool = False
    found: list[Difference] = field(default_factory=list)
    """Not stored yet."""

    def count(self, what: str, number: int = 1) -> None:
        """Count something that happened."""
        if number:
            self.counts[what] = self.counts.get(what, 0) + number


def last_due(at: str, now: datetime) -> datetime:
    """When what begins each day at a time (UTC, as ``03:00``) was last to begin."""
    today = datetime.combine(now.astimezone(UTC).date(), time.fromisoformat(at), tzinfo=UTC)
    return today if today <= now else today - timedelta(days=1)


@asynccontextmanager
async def begun(pool: Pool, system: str, kind: Kind, options: Mapping[str, Any]) -> AsyncIterator[Run]:
    """A run, or the unfinished one with the same options; nobody else has one of this system meanwhile.

    Raises:
        Busy: somebody else has.
    """
    async with alone(pool, f"fairlead sync {system}") as free:
        if not free:
            raise Busy(f"Another import or comparison with {system} is at work; see `fairlead connect report`.")
        async with pool.connection() as connection:
            run = await _run(connection, system, kind, options)
        yield run


async def _run(connection: AsyncConnection[DictRow], system: str, kind: Kind, options: Mapping[str, Any]) -> Run:
    values = {"system": system, "kind": kind, "options": Jsonb(dict(options))}
    cursor = await connection.execute(
        """
        SELECT id, started_at, options, cursor, counts FROM sync.runs
        WHERE system = %(system)s AND kind = %(kind)s AND options = %(options)s AND finished_at IS NULL
        ORDER BY id DESC LIMIT 1
        """,
        values,
    )
    row, resumed = await cursor.fetchone(), True
    if row is None:
        resumed = False
        cursor = await connection.execute(
            "INSERT INTO sync.runs (system, kind, options) VALUES (%(system)s, %(kind)s, %(options)s)"
            " RETURNING id, started_at, options, cursor, counts",
            values,
        )
        row = await cursor.fetchone()
        assert row is not None
        await forget_old(connection, system, kind)
    return Run(system=system, kind=kind, resumed=resumed, **row)


async def forget_old(connection: AsyncConnection[DictRow], system: str, kind: Kind) -> None:
    """Keep the newest `KEPT_RUNS`."""
    await connection.execute(
        "DELETE FROM sync.runs WHERE id IN ("
        "SELECT id FROM sync.runs WHERE system = %s AND kind = %s ORDER BY id DESC OFFSET %s)",
        (system, kind, KEPT_RUNS),
    )


async def save(connection: AsyncConnection[DictRow], run: Run, *, finished: bool = False) -> None:
    """Store how far a run is, and what it found since; what a repeat finds again replaces it."""
    found = list({(one.kind, one.lead_id, one.record_id): one for one in run.found}.values())
    async with connection.pipeline():
        for one in found:
            await connection.execute(
                """
                INSERT INTO sync.differences (run_id, kind, lead_id, record_id, fields, became)
                VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (run_id, kind, lead_id, record_id) DO UPDATE
                SET fields = ARRAY(SELECT DISTINCT unnest(differences.fields || excluded.fields) ORDER BY 1),
                    became = CASE WHEN differences.became = excluded.became THEN excluded.became
                                  ELSE differences.became || '; ' || excluded.became END
                """,
                (run.id, one.kind, one.lead_id, one.record_id, list(one.fields), one.became),
            )
        await connection.execute(
            "UPDATE sync.runs SET cursor = %s, counts = %s, finished_at = CASE WHEN %s THEN now() END WHERE id = %s",
            (Jsonb(run.cursor), Jsonb(run.counts), finished, run.id),
        )
    run.found.clear()


@dataclass(frozen=True, slots=True)
class Report:
    """A run as it is shown."""

    id: int
    system: str
    kind: Kind
    started_at: datetime
    finished_at: datetime | None
    options: Mapping[str, Any]  # Any: JSON
    counts: Mapping[str, int]
    differences: Sequence[DictRow]
    """The first ones, see `reports`."""


async def reports(
    connection: AsyncConnection[DictRow], system: str | None, *, runs: int, differences: int
) -> list[Report]:
    """The newest runs, and up to so many differences of each."""
    cursor = await connection.execute(
        "SELECT id, system, kind, started_at, finished_at, options, counts FROM sync.runs"
        " WHERE %(system)s::text IS NULL OR system = %(system)s ORDER BY id DESC LIMIT %(runs)s",
        {"system": system, "runs": runs},
    )
    found = []
    for row in await cursor.fetchall():
        which = await connection.execute(
            "SELECT kind, lead_id, record_id, fields, became FROM sync.differences WHERE run_id = %s"
            " ORDER BY kind, lead_id, record_id LIMIT %s",
            (row["id"], differences),
        )
        found.append(Report(**row, differences=await which.fetchall()))
    return found
