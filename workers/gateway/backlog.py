"""How much is on its way to the engine."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from workers.runtime.database import Pool

FRESH_SECONDS = 1.0
"""How long an observation counts; it costs a query, and there may be hundreds of requests a second."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Messages to the engine that aren't delivered yet."""

    rows: int
    """Counted up to `EngineQueue`'s bound."""
    lag_seconds: float
    """Age of the oldest one; 0 if there is none."""


class EngineQueue:
    """Observes the outbox's channel ``zeebe.message``."""

    def __init__(self, pool: Pool, *, bound: int) -> None:
        self._pool = pool
        self._bound = bound
        self._lock = asyncio.Lock()
        self._seen: Waiting | None = None
        self._seen_at = 0.0

    async def waiting(self) -> Waiting:
        """The state of the queue, at most `FRESH_SECONDS` old.

        Raises:
            psycopg.OperationalError: the database can't be reached.
        """
        async with self._lock:
            if self._seen is None or time.monotonic() - self._seen_at > FRESH_SECONDS:
                self._seen = await self._observe()
                self._seen_at = time.monotonic()
            return self._seen

    async def _observe(self) -> Waiting:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                """
                SELECT count(*) AS rows,
                       coalesce(greatest(extract(epoch FROM now() - min(created_at)), 0), 0)::float8 AS lag
                FROM (SELECT created_at FROM runtime.outbox WHERE channel = 'zeebe.message' ORDER BY id LIMIT %s) oldest
                """,
                (self._bound + 1,),
            )
            row = await cursor.fetchone()
        assert row is not None  # an aggregate always has a row
        return Waiting(row["rows"], row["lag"])
