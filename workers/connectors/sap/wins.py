"""Looks into the CRM for opportunities that were won since, and for wins that hold no more."""

from __future__ import annotations

from datetime import timedelta

import structlog

from workers.connectors.opportunities.wins import Wins
from workers.connectors.sap import order_ledger
from workers.connectors.turns import Turns
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
        self._turns = Turns(pool, every_seconds=seconds, held_seconds=HELD_SECONDS)

    async def look(self) -> int:
        """Note what is new, with rows for SAP; how much. What was won before the first look is left alone."""
        source = f"sap.orders:{self._system}"
        async with self._turns.taken(source) as turn:
            if turn is None:
                return 0
            try:
                won = await self._wins.since(max(turn.since, turn.seen_until - OVERLAP))
                async with self._pool.connection() as connection:
                    ours = await order_ledger.in_force(connection, self._system)
                withdrawn = await self._wins.withdrawn(ours)
            except (TransientError, PermanentError) as error:  # it is looked again by and by
                log.warning("no look for wins", action="wins_not_read", reason=str(error))
                return 0
            async with self._pool.connection() as connection:
                noted = await order_ledger.note(connection, self._system, won, withdrawn)
                await self._turns.seen(connection, source, turn.at)
        return noted
