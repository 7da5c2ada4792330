"""The import of each night, as a chore of dispatchers: one of them does it. Operations are told when nothing can be taken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from workers.connectors.answers import SystemDown, SystemPause
from workers.connectors.roster.importing import Taken
from workers.connectors.sync.ledger import waits_for_a_person
from workers.connectors.sync.runs import Busy, last_due
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError, TaskError
from workers.runtime.outbox import OutboxRow

log = structlog.get_logger()

CHANNEL = "people.import"
"""Among the dead letters: an import of which nothing was taken. Sent again, it is tried again."""

LOOK_SECONDS = 60.0
"""Between looks whether it is time."""
AGAIN = timedelta(minutes=15)
"""After a system gave no answer; its reports cost it minutes of work."""
PATIENCE = timedelta(hours=3)
"""So long the system may be away before operations are told."""

Take = Callable[[str], Awaitable[Taken]]
"""Imports in the name of an actor."""


class Night:
    """Imports once a day, at the time of the settings."""

    def __init__(self, system: str, take: Take, pool: Pool, at: str | None, clock: Callable[[], datetime]) -> None:
        self._system = system
        self._take = take
        self._pool = pool
        self._at = at
        self._clock = clock
        self._not_before: datetime | None = None

    async def look(self) -> int:
        """Import if it is time; always 0, as there is nothing more to do for now."""
        now = self._clock()
        due = None if self._at is None else last_due(self._at, now)
        if due is None or (self._not_before is not None and now < self._not_before) or await self._done_since(due):
            return 0
        try:
            taken = await self._take(self._system)
        except Busy:
            return 0
        except (SystemPause, SystemDown) as error:
            self._not_before = now + AGAIN
            log.warning("people not imported", action="people_put_off", system=self._system, reason=str(error))
            if now - due > PATIENCE:
                await self._tell(f"{self._id(due)}:away", f"{error} It is asked again every quarter of an hour.")
            return 0
        except TaskError as error:
            await self._tell(self._id(due), str(error))
            return 0
        log.info(
            "people imported", action="people_imported", run=taken.run, changed=len(taken.lines), notes=len(taken.notes)
        )
        return 0

    async def __call__(self, row: OutboxRow) -> None:
        """Deliver a row of `CHANNEL`: a person had something mended, and has it tried again.

        Raises:
            PermanentError: nothing can be taken yet; the row waits among the dead letters again.
            SystemDown: the system does not answer.
        """
        if row.payload.get("system") != self._system:
            raise PermanentError("This row is of another system, or of none; drop it.")
        try:
            await self._take(self._system)
        except Busy as error:
            raise SystemDown(str(error)) from error
        except SystemPause as error:
            raise SystemDown(str(error)) from error

    async def _done_since(self, due: datetime) -> bool:
        """Whether it was imported, or a person was asked, or it is not time for the first one: that is by hand."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                """
                SELECT NOT EXISTS (SELECT FROM sync.runs WHERE system = %(system)s AND kind = 'import')
                    OR EXISTS (SELECT FROM sync.runs WHERE system = %(system)s AND kind = 'import' AND started_at >= %(due)s)
                    OR EXISTS (SELECT FROM runtime.dead_letters WHERE channel = %(channel)s AND external_id = %(id)s)
                    OR EXISTS (SELECT FROM runtime.outbox WHERE channel = %(channel)s AND external_id = %(id)s) AS done
                """,
                {"system": self._system, "due": due, "channel": CHANNEL, "id": self._id(due)},
            )
            row = await cursor.fetchone()
        return bool(row and row["done"])

    async def _tell(self, external_id: str, why: str) -> None:
        """Operations get a mail of it, as of any dead letter."""
        async with self._pool.connection() as connection:
            payload = {"system": self._system}
            await waits_for_a_person(connection, CHANNEL, external_id, self._system, payload, why)
        log.warning("people not imported", action="people_refused", system=self._system, reason=why)

    def _id(self, due: datetime) -> str:
        return f"{self._system}:{due:%Y-%m-%d}"
