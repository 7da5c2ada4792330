"""The way to another system's database: connections and transactions of its own, a time-out, a circuit breaker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.runtime.breaker import Breaker
from workers.runtime.database import Pool, open_pool
from workers.runtime.errors import DependencyDown, TransientError

TIMEOUT_SECONDS = 2.0
_CONNECTIONS = 4


class OutsideDatabase:
    """Shared by all jobs of a process; connects when first asked. A subclass says who it is."""

    title: ClassVar[str]
    """What people call it, for instance ``CRM``."""
    dependency: ClassVar[str]
    """Its name among the breakers."""
    down: ClassVar[type[TransientError]]
    """Raised when it does not answer."""
    resting: ClassVar[type[DependencyDown]]
    """Raised while it is left alone after repeated failures; a subclass of `down`."""

    def __init__(self, conninfo: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._conninfo = conninfo
        self._timeout = timeout
        self._pool: Pool | None = None
        self._opening = asyncio.Lock()
        self._breaker = Breaker(self.dependency, down=self.resting)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        """A transaction there.

        Raises:
            TransientError: (its `down`) no answer within the time-out, or it broke off.
            DependencyDown: (its `resting`) that happened several times in a row; nothing was asked.
        """
        with self._breaker.guard(self.down):
            async with self._asked() as connection:
                yield connection

    @asynccontextmanager
    async def _asked(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        try:
            async with asyncio.timeout(self._timeout):
                pool = await self._opened()
                async with pool.connection(timeout=self._timeout) as connection, connection.transaction():
                    yield connection
        except (psycopg.OperationalError, TimeoutError) as error:
            raise self.down(f"The {self.title} did not answer ({type(error).__name__}); it is asked again.") from error

    async def close(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def _opened(self) -> Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await open_pool(self._conninfo, min_size=0, max_size=_CONNECTIONS)
            return self._pool
