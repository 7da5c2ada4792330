"""What is made of the read model, a part at a time; any number of processes may do so side by side."""

from __future__ import annotations

from abc import ABC, abstractmethod

from workers.runtime.database import Pool

# Locked first, as by who empties the read model: whoever comes second waits before it holds anything.
IN_TURN = "LOCK TABLE control.cursors IN ACCESS SHARE MODE"


class Sweeper(ABC):
    """One part is `sweep`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @abstractmethod
    async def sweep(self) -> int:
        """Make one part; 0: nothing is left.

        Raises:
            psycopg.OperationalError: the database is away.
        """

    async def catch_up(self) -> int:
        """Sweep until nothing is left; 0. Raises as `sweep`."""
        while await self.sweep():
            pass
        return 0
