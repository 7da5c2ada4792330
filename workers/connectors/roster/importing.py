"""Takes a roster over: all of it, in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.connectors.roster import applying, book
from workers.connectors.roster.comparing import compare
from workers.connectors.roster.lines import Line, audit
from workers.connectors.roster.values import Roster, RosterRefused, sound
from workers.connectors.sync import runs
from workers.connectors.sync.runs import Difference
from workers.runtime.database import Pool, alone

Connection = AsyncConnection[DictRow]


class People(Protocol):
    """A personnel system."""

    title: str
    """As messages call it."""

    async def read(self) -> Roster:
        """Everybody, as it says now.

        Raises:
            SystemDown, SystemPause, SystemRefused: it can't be asked, or does not say what is needed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """What an import changed, or would."""

    run: int | None
    """Among the reports; None: it was a dry run."""
    lines: Sequence[Line]
    notes: Sequence[str]
    """What could not be read or taken, and stays as it is."""
    unchanged: int
    doubts: str
    """Why it would need ``--force``; empty: it does not."""


class Import:
    """Of one system."""

    def __init__(
        self, system: str, people: People, pool: Pool, *, most_percent: float, clock: Callable[[], datetime]
    ) -> None:
        self._system = system
        self._people = people
        self._pool = pool
        self._most_percent = most_percent
        self._clock = clock

    async def run(self, *, actor: str, dry: bool = False, force: bool = False) -> Taken:
        """Read everybody and take over what changed since the last time.

        Args:
            actor: who has it done, for the audit trail.
            dry: change nothing; the answer is the same.
            force: also if more changes at once than is allowed.

        Raises:
            Busy: another import of this system is at work.
            RosterRefused: nothing is taken, and a person has to look.
            SystemDown, SystemPause, SystemRefused: see `People.read`.
        """
        async with alone(self._pool, f"fairlead sync {self._system}") as free:
            if not free:
                raise runs.Busy(f"Another import from {self._system} is at work; see `fairlead connect report`.")
            began = self._clock()
            roster = await self._people.read()  # takes minutes, so outside of any transaction
            sound(roster)
            async with self._pool.connection() as connection, connection.transaction(force_rollback=dry):
                return await self._take(connection, roster, began, actor, dry=dry, force=force)

    async def _take(
        self, connection: Connection, roster: Roster, began: datetime, actor: str, *, dry: bool, force: bool
    ) -> Taken:
        plan = compare(roster, await book.read(connection, self._system, began), began)
        doubts = plan.doubts(self._most_percent)
        if doubts and not (force or dry):
            raise RosterRefused(
                f"Nothing of {self._people.title}'s people was taken over: {doubts}. Look at `fairlead connect import "
                f"{self._system} --dry-run`; if it is right, import with --force, else correct the report."
            )
        lines = await applying.apply(connection, self._system, plan)
        run = None
        if not dry:
            why = f"So say {self._people.title}'s reports{', taken over by force: ' + doubts if doubts else ''}."
            await audit(connection, self._system, lines, actor=actor, why=why)
            run = await self._report(connection, began, lines, {**applying.said(lines), "unchanged": plan.unchanged})
        return Taken(run, lines, tuple(dict.fromkeys(plan.notes)), plan.unchanged, doubts)

    async def _report(
        self, connection: Connection, began: datetime, lines: Sequence[Line], counts: dict[str, int]
    ) -> int:
        """Keep what was done, for `fairlead connect report`."""
        cursor = await connection.execute(
            "INSERT INTO sync.runs (system, kind, started_at, counts) VALUES (%s, 'import', %s, %s)"
            " RETURNING id, started_at, options, cursor, counts",
            (self._system, began, Jsonb(counts)),
        )
        row = await cursor.fetchone()
        assert row is not None  # RETURNING
        run = runs.Run(system=self._system, kind="import", **row)
        run.found = [Difference(one.kind, None, one.subject, one.fields, one.became) for one in lines]
        await runs.save(connection, run, finished=True)
        await runs.forget_old(connection, self._system, "import")
        return run.id
