"""Looks into the CRM for opportunities that were won since, and for wins that hold no more."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from workers.connectors.opportunities.wins import Wins
from workers.connectors.sap import order_ledger
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError, TransientError

log = structlog.get_logger()

OVERLAP = timedelta(days=1)
"""Each look begins so long before the last one: clocks differ, searches are behind, and days of closing are typed in."""
HELD_SECONDS = 120.0
"""Who died while looking is waited for so long."""


class WinLook:
    """A chore of dispatchers; one of them does it."""

    def __init__(self, wins: Wins, pool: Pool, system: str, *, seconds: float) -> None:
        self._wins = wins
        self._pool = pool
        self._system = system
        self._seconds = seconds

    async def look(self) -> int:
        """Note what is new, with rows for SAP; how much. What was won before the first look is left alone."""
        started = await self._claimed()
        if started is None:
            return 0
        since, at = started
        try:
            won = await self._wins.since(since)
            async with self._pool.connection() as connection:
                ours = await order_ledger.in_force(connection, self._system)
            withdrawn = await self._wins.withdrawn(ours)
        except (TransientError, PermanentError) as error:  # it is looked again by and by
            log.warning("no look for wins", action="wins_not_read", reason=str(error))
            return 0
        async with self._pool.connection() as connection:
            noted = await order_ledger.note(connection, self._system, won, withdrawn)
            await connection.execute(
                "UPDATE runtime.polled SET seen_until = greatest(seen_until, %s), not_before = now() + %s WHERE source = %s",
                # Somewhat less than until the next look, which must not come too early for it.
                (at, timedelta(seconds=0.7 * self._seconds), self._source),
            )
        return noted

    @property
    def _source(self) -> str:
        return f"sap.orders:{self._system}"

    async def _claimed(self) -> tuple[datetime, datetime] | None:
        """Since when is looked, and the present moment, if it is our turn."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                """
                INSERT INTO runtime.polled AS p (source, since, seen_until, not_before)
                VALUES (%(source)s, now(), now(), now() + %(held)s)
                ON CONFLICT (source) DO UPDATE SET not_before = excluded.not_before WHERE p.not_before <= now()
                RETURNING greatest(since, seen_until - %(overlap)s) AS since, now() AS at
                """,
                {"source": self._source, "held": timedelta(seconds=HELD_SECONDS), "overlap": OVERLAP},
            )
            row = await cursor.fetchone()
        return (row["since"], row["at"]) if row else None
