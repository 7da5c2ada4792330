"""The built-in targets of what is planned, CRM and ERP, on PostgreSQL (schemas crm and erp). They stand for other
systems: connections and transactions of their own, written through the outbox only.

A target keeps each version that it ever got, and a log of what was put in use when. The latest change that was not
undone is what it works with: undoing one therefore gives back exactly what was there before, leaves a newer change as it
is, and never brings back one that was undone itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, LiteralString

from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow

from workers.office import sendings
from workers.office.publication import Target, Word
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError
from workers.runtime.outbox import OutboxRow
from workers.runtime.outside import OutsideDatabase


class VersionDelivery(ABC):
    """Carries versions to a target, and takes them back there. A subclass says what a version is.

    The payload is ``{change_id, version}``, with ``undo: true`` to take it back. What is to be known of the version is
    read from our tables, so that the outbox stays small. What the target said stands in the context's table `sendings`.
    The target's tables are called ``forecast_terms``, ``forecast_versions`` and ``forecast_changes`` for ``forecast``.
    """

    kind: ClassVar[str]
    """What is published, in the singular: the beginning of the names of the target's tables."""
    ours: ClassVar[str]
    """The context's schema, which has the table `sendings`."""
    scope: ClassVar[str]
    """The column of the target's tables within which one version replaces another; also a key of `published`."""

    def __init__(self, database: OutsideDatabase, target: Target, pool: Pool) -> None:
        self._database = database
        self._pool = pool
        self._names = {
            "target": sql.Identifier(target),
            "terms": sql.Identifier(f"{self.kind}_terms"),
            "versions": sql.Identifier(f"{self.kind}_versions"),
            "changes": sql.Identifier(f"{self.kind}_changes"),
            "scope": sql.Identifier(self.scope),
        }

    @abstractmethod
    async def published(self, connection: AsyncConnection[DictRow], version: str) -> DictRow | None:
        """What the target is to know of a version, by our tables; None: it is not stored any more."""

    @abstractmethod
    async def store(self, there: AsyncConnection[DictRow], version: str, published: DictRow) -> None:
        """Keep the version at the target; it may be there already."""

    @abstractmethod
    def refusal(self, published: DictRow, terms: DictRow) -> str:
        """Why the target does not take the version; empty: it does."""

    async def objection(self, there: AsyncConnection[DictRow], published: DictRow, terms: DictRow) -> str:
        """Likewise, where the target has to be asked."""
        return self.refusal(published, terms)

    async def put_in_use(  # noqa: B027 - most targets do nothing else
        self, there: AsyncConnection[DictRow], change: str, published: DictRow
    ) -> None:
        """What else the target does when it begins to work with a version; part of its transaction."""

    async def take_back(self, there: AsyncConnection[DictRow], change: str) -> None:  # noqa: B027 - likewise
        """Undo what `put_in_use` did; called once for a change, after the change is marked as undone."""

    async def __call__(self, row: OutboxRow) -> None:
        """Deliver one row; a repeat changes nothing and gets the same word.

        Raises:
            TransientError: the target did not answer.
            PermanentError: the payload is not one of ours, or the version is gone.
        """
        change, version = sendings.change_of(row, self.kind)
        async with self._pool.connection() as connection:
            published = await self.published(connection, version)
        if published is None:
            raise PermanentError(f"The version {version} is not stored any more; drop this row.")
        async with self._database.transaction() as there:
            terms = await self._terms(there, published[self.scope])
            if row.payload.get("undo"):
                word = await self._undo(there, change, published[self.scope])
            else:
                word = await self._put(there, change, version, published, terms)
        await sendings.note(self._pool, self.ours, change, word)

    async def _put(
        self, there: AsyncConnection[DictRow], change: str, version: str, published: DictRow, terms: DictRow
    ) -> Word:
        known = await self._change(there, change)
        if known is not None and known["undone_at"] is not None:
            return Word("restored", "it was taken back before it came", await self._in_use(there, published))
        if known is not None:
            former = await self._in_use(there, published, before=known["id"])
            return Word("delivered", "", await self._in_use(there, published), former)
        former = await self._in_use(there, published)
        if refusal := await self.objection(there, published, terms):
            return Word("refused", refusal, former, former)
        await self.store(there, version, published)
        await there.execute(
            self._sql("INSERT INTO {target}.{changes} ({scope}, version, change_id) VALUES (%s, %s, %s)"),
            (published[self.scope], version, change),
        )
        await self.put_in_use(there, change, published)
        return Word("delivered", "", version, former)

    async def _undo(self, there: AsyncConnection[DictRow], change: str, scope: str) -> Word:
        before = await self._change(there, change)
        # Where it never came, a row is left that keeps it from coming later.
        await there.execute(
            self._sql(
                "INSERT INTO {target}.{changes} ({scope}, change_id, undone_at) VALUES (%s, %s, clock_timestamp())"
                " ON CONFLICT (change_id) DO UPDATE SET undone_at ="
                " coalesce({changes}.undone_at, excluded.undone_at)"
            ),
            (scope, change),
        )
        known = await self._change(there, change)
        assert known is not None  # inserted above
        if before is not None and before["undone_at"] is None:
            await self.take_back(there, change)
        now = await self._in_use(there, known)
        former = await self._in_use(there, known, before=known["id"])
        return Word("restored", "" if now == former else "a newer version stays", now, former)

    async def _terms(self, there: AsyncConnection[DictRow], scope: str) -> DictRow:
        """What the target takes; the row is locked, so that its changes come one after the other."""
        await there.execute(
            self._sql("INSERT INTO {target}.{terms} ({scope}) VALUES (%s) ON CONFLICT DO NOTHING"),
            (scope,),
        )
        cursor = await there.execute(
            self._sql("SELECT * FROM {target}.{terms} WHERE {scope} = %s FOR UPDATE"), (scope,)
        )
        row = await cursor.fetchone()
        assert row is not None  # inserted above
        return row

    async def _change(self, there: AsyncConnection[DictRow], change: str) -> DictRow | None:
        cursor = await there.execute(
            self._sql("SELECT id, {scope}, undone_at FROM {target}.{changes} WHERE change_id = %s"), (change,)
        )
        return await cursor.fetchone()

    async def _in_use(self, there: AsyncConnection[DictRow], of: DictRow, *, before: int | None = None) -> str | None:
        """What is worked with; `before` a change: without it and what came later."""
        cursor = await there.execute(
            self._sql(
                "SELECT version FROM {target}.{changes} WHERE {scope} = %s AND undone_at IS NULL"
                " AND (%s::bigint IS NULL OR id < %s) ORDER BY id DESC LIMIT 1"
            ),
            (of[self.scope], before, before),
        )
        row = await cursor.fetchone()
        return None if row is None else row["version"]

    def _sql(self, statement: LiteralString) -> sql.Composed:
        return sql.SQL(statement).format(**self._names)
