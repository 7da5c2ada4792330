"""Of several dispatchers one looks into a system that does not tell of its changes; how far it looked is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.runtime.database import Pool

PAUSE = 0.7
"""Of the time between looks nobody else may look: somewhat less than all, as the next one must not come too early for it."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Of whoever may look now."""

    since: datetime
    """When it was looked first: what was there before is left alone."""
    seen_until: datetime
    """What changed before has been seen."""
    at: datetime
    """The present moment, by the database's clock."""


class Turns:
    """At one kind of looks: `runtime.polled`."""

    def __init__(self, pool: Pool, *, every_seconds: float, held_seconds: float) -> None:
        """`held_seconds`: whoever died while looking is waited for so long after it said last how far it was."""
        self._pool = pool
        self._pause = timedelta(seconds=PAUSE * every_seconds)
        self._held = timedelta(seconds=held_seconds)

    @asynccontextmanager
    async def taken(self, source: str, *, anyway: bool = False) -> AsyncIterator[Turn | None]:
        """Hold the turn at a source while the block runs; None: it is another one's, or it is too early. `anyway`: hold it even so.

        Raises:
            psycopg.OperationalError: the database is away.
        """
        turn = await self._take(source, anyway=anyway)
        try:
            yield turn
        finally:
            if turn is not None:
                async with self._pool.connection() as connection:
                    await connection.execute(
                        "UPDATE runtime.polled SET not_before = now() + %s WHERE source = %s", (self._pause, source)
                    )

    async def seen(self, connection: AsyncConnection[DictRow], source: str, until: datetime | None) -> None:
        """Note, in the transaction in which findings are taken, how far that is (None: no further); the turn is held on."""
        await connection.execute(
            "UPDATE runtime.polled SET seen_until = greatest(seen_until, %s), not_before = now() + %s WHERE source = %s",
            (until, self._held, source),
        )

    async def since(self, source: str) -> datetime | None:
        """See `Turn.since`; None: nobody has looked yet."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute("SELECT since FROM runtime.polled WHERE source = %s", (source,))
            row = await cursor.fetchone()
        return row["since"] if row else None

    async def _take(self, source: str, *, anyway: bool) -> Turn | None:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                """
                INSERT INTO runtime.polled AS p (source, since, seen_until, not_before)
                VALUES (%s, now(), now(), now() + %s)
                ON CONFLICT (source) DO UPDATE SET not_before = excluded.not_before WHERE p.not_before <= now() OR %s
                RETURNING since, seen_until, now() AS at
                """,
                (source, self._held, anyway),
            )
            row = await cursor.fetchone()
        return Turn(**row) if row else None
