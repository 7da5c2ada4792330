"""What was changed in another system and what stood there before (tables sync.changes and sync.change_entries).

Everything is noted before it is done, and once more when it was: so whoever is killed in between is followed by somebody who
knows what may have arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from workers.connectors.publishing.records import Found, Values
from workers.runtime.database import Pool

ChangeState = Literal["looking", "writing", "delivered", "refused", "undone"]
EntryState = Literal["same", "planned", "sent", "written", "restored", "left", "passed"]

_CHANGE = "SELECT id, change_id, version, state, settled, why FROM sync.changes"


@dataclass(frozen=True, slots=True)
class Change:
    """A version on its way into the system, or back out of it."""

    id: int
    """The order in which they came."""
    change_id: str
    version: str | None
    state: ChangeState
    settled: bool
    why: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What a change does to one record."""

    subject: str
    record_id: str
    parent: str
    old: Values
    new: Values
    state: EntryState


class Ledger:
    """Of what is written into one kind of record of one system. Each call is a transaction."""

    def __init__(self, pool: Pool, system: str, what: str) -> None:
        self._pool = pool
        self._place = {"system": system, "what": what}

    async def change(self, change_id: str) -> Change | None:
        """A change that was begun, or taken back before it came."""
        async with self._pool.connection() as connection, connection.cursor(row_factory=class_row(Change)) as cursor:
            await cursor.execute(f"{_CHANGE} WHERE change_id = %s".encode(), (change_id,))
            return await cursor.fetchone()

    async def begin(self, change_id: str, scope: str, version: str, refusal: str) -> Change:
        """A change comes; with a `refusal` it is refused at once."""
        await self._execute(
            "INSERT INTO sync.changes (change_id, system, what, scope, version, state, settled, why)"
            " VALUES (%(change_id)s, %(system)s, %(what)s, %(scope)s, %(version)s,"
            " CASE WHEN %(refusal)s = '' THEN 'looking' ELSE 'refused' END, %(refusal)s <> '', %(refusal)s)",
            change_id=change_id,
            scope=scope,
            version=version,
            refusal=refusal,
        )
        found = await self.change(change_id)
        assert found is not None  # inserted above
        return found

    async def move(self, change_id: str, state: ChangeState, *, settled: bool = False, why: str = "") -> None:
        """A change has come further."""
        await self._execute(
            "UPDATE sync.changes SET state = %(state)s, settled = %(settled)s, why = %(why)s,"
            " settled_at = CASE WHEN %(settled)s THEN clock_timestamp() END WHERE change_id = %(change_id)s",
            change_id=change_id,
            state=state,
            settled=settled,
            why=why,
        )

    async def undo(self, change_id: str, scope: str) -> Change:
        """A change is to be taken back; where it never came a row is left that keeps it from coming later."""
        await self._execute(
            "INSERT INTO sync.changes (change_id, system, what, scope, state, settled, why, settled_at)"
            " VALUES (%(change_id)s, %(system)s, %(what)s, %(scope)s, 'undone', true,"
            " 'it was taken back before it came', clock_timestamp())"
            " ON CONFLICT (change_id) DO UPDATE SET state = 'undone', settled = false, why = '', settled_at = NULL"
            " WHERE sync.changes.state IN ('looking', 'writing', 'delivered')",
            change_id=change_id,
            scope=scope,
        )
        found = await self.change(change_id)
        assert found is not None  # inserted above
        return found

    async def unsettled(self, scope: str, *, but: str) -> Change | None:
        """Another change than `but` that is not done with yet, if there is one."""
        async with self._pool.connection() as connection, connection.cursor(row_factory=class_row(Change)) as cursor:
            await cursor.execute(
                f"{_CHANGE} WHERE system = %(system)s AND what = %(what)s AND scope = %(scope)s AND NOT settled"
                " AND change_id <> %(but)s ORDER BY id LIMIT 1".encode(),
                self._place | {"scope": scope, "but": but},
            )
            return await cursor.fetchone()

    async def in_use(self, scope: str, *, before: int | None = None) -> str | None:
        """The version that is worked with; `before` a change: without it and what came later."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT version FROM sync.changes WHERE system = %(system)s AND what = %(what)s AND scope = %(scope)s"
                " AND state = 'delivered' AND (%(before)s::bigint IS NULL OR id < %(before)s) ORDER BY id DESC LIMIT 1",
                self._place | {"scope": scope, "before": before},
            )
            row = await cursor.fetchone()
        return None if row is None else row["version"]

    async def subjects(self, change_id: str) -> set[str]:
        """What a change has looked at."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT subject FROM sync.change_entries WHERE change_id = %s", (change_id,)
            )
            return {row["subject"] for row in await cursor.fetchall()}

    async def twins(self, change_id: str) -> Sequence[str]:
        """What we call a record by which we mean it twice; the first such record, if there is one."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT array_agg(subject ORDER BY subject) AS subjects FROM sync.change_entries WHERE change_id = %s"
                " GROUP BY record_id HAVING count(*) > 1 ORDER BY record_id LIMIT 1",
                (change_id,),
            )
            row = await cursor.fetchone()
        return [] if row is None else row["subjects"]

    async def plan(self, change_id: str, given: Iterable[tuple[str, Found, Values, EntryState]]) -> None:
        """Keep what some records say, and what they are to say."""
        rows = [
            (change_id, subject, found.record_id, found.parent,
             Jsonb({name: found.values.get(name) for name in new}), Jsonb(dict(new)), state)
            for subject, found, new, state in given
        ]  # fmt: skip
        async with self._pool.connection() as connection, connection.transaction(), connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO sync.change_entries (change_id, subject, record_id, parent, old, new, state)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                rows,
            )

    async def entries(self, change_id: str, states: Sequence[EntryState]) -> Sequence[Entry]:
        """The entries of a change in some states; those of one parent beside each other."""
        async with self._pool.connection() as connection, connection.cursor(row_factory=class_row(Entry)) as cursor:
            await cursor.execute(
                "SELECT subject, record_id, parent, old, new, state FROM sync.change_entries"
                " WHERE change_id = %s AND state = ANY(%s)"
                " ORDER BY coalesce(nullif(parent, ''), record_id), record_id, subject",
                (change_id, list(states)),
            )
            return await cursor.fetchall()

    async def mark(self, change_id: str, subjects: Iterable[str], state: EntryState) -> None:
        """Some entries have come further."""
        if given := list(subjects):
            await self._execute(
                "UPDATE sync.change_entries SET state = %(state)s"
                " WHERE change_id = %(change_id)s AND subject = ANY(%(subjects)s)",
                change_id=change_id,
                subjects=given,
                state=state,
            )

    async def pass_on(self, change: Change) -> None:
        """A later change that replaced what this one wrote gives back what stood there before this one."""
        await self._execute(
            """
            WITH later AS (
                SELECT DISTINCT ON (ours.subject) ours.subject AS ours, ours.old, e.change_id, e.subject
                FROM sync.change_entries ours
                JOIN sync.change_entries e ON e.record_id = ours.record_id AND e.state = 'written' AND e.old = ours.new
                JOIN sync.changes c ON c.change_id = e.change_id AND c.id > %(id)s AND c.state = 'delivered'
                    AND c.system = %(system)s AND c.what = %(what)s
                WHERE ours.change_id = %(change_id)s AND ours.state IN ('sent', 'written')
                ORDER BY ours.subject, c.id),
            given AS (
                UPDATE sync.change_entries e SET old = l.old FROM later l
                WHERE e.change_id = l.change_id AND e.subject = l.subject)
            UPDATE sync.change_entries SET state = 'passed'
            WHERE change_id = %(change_id)s AND subject IN (SELECT ours FROM later)
            """,
            change_id=change.change_id,
            id=change.id,
        )

    async def _execute(self, statement: str, **values: object) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(statement.encode(), self._place | values)
