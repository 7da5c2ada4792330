"""What each process that serves tasks or sends says of itself, for operators: that it is there, its version, its circuit breakers."""

from __future__ import annotations

import contextlib
import os
import socket
import uuid
from collections.abc import Callable, Collection

import psycopg
from psycopg.types.json import Jsonb

from workers import __version__
from workers.runtime.breaker import BREAKERS
from workers.runtime.database import Pool
from workers.runtime.housekeeping import Chore

SECONDS = 10.0
"""Between two words of a process."""
LATE_SECONDS = 45.0
"""Who said nothing for so long is not there, or can't reach the database."""

_NOTE = """
    INSERT INTO runtime.programs (id, role, version, host, tasks, running, breakers, started_at, seen_at)
    VALUES (%(id)s, %(role)s, %(version)s, %(host)s, %(tasks)s, %(running)s, %(breakers)s,
            clock_timestamp(), clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET running = excluded.running, breakers = excluded.breakers, seen_at = excluded.seen_at
"""


class Presence:
    """Of one process."""

    def __init__(self, pool: Pool, role: str, tasks: Collection[str], running: Callable[[], int]) -> None:
        """`tasks`: the job types or channels that it serves; `running`: how many jobs or rows it has in hand."""
        self._pool = pool
        self._running = running
        self._fixed = {
            "id": uuid.uuid4(),
            "role": role,
            "version": __version__,
            "host": f"{socket.gethostname()}:{os.getpid()}",
            "tasks": sorted(tasks),
        }

    @property
    def chore(self) -> tuple[str, float, Chore]:
        """As `beside` takes it."""
        return "presence", SECONDS, self.note

    async def note(self) -> int:
        """Say that we are there: a chore, with nothing left to do.

        Raises:
            psycopg.Error: the database can't be reached.
        """
        breakers = {one.name: one.state for one in tuple(BREAKERS)}
        given = self._fixed | {"running": self._running(), "breakers": Jsonb(breakers)}
        async with self._pool.connection() as connection:
            await connection.execute(_NOTE, given)
        return 0

    async def leave(self) -> None:
        """Say that we go; without a database we are just not seen any more."""
        with contextlib.suppress(psycopg.Error):
            async with self._pool.connection(timeout=2) as connection:
                await connection.execute("DELETE FROM runtime.programs WHERE id = %(id)s", self._fixed)
