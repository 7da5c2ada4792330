"""The nightly comparison, as a chore of dispatchers: one of them does it. By day too, if changes were missed."""

from __future__ import annotations

from datetime import datetime

import structlog

from workers.connectors.answers import SystemDown, SystemPause
from workers.connectors.sync import making
from workers.connectors.sync.runs import Busy, last_due
from workers.runtime.errors import TaskError
from workers.runtime.resources import Resources

log = structlog.get_logger()

LOOK_SECONDS = 60.0
"""Between looks whether it is time; also until one that broke off is taken up again."""


class Night:
    """Compares once a day, at the time of the settings."""

    def __init__(self, resources: Resources, system: making.System) -> None:
        self._resources = resources
        self._system = system

    async def look(self) -> int:
        """Compare if it is time, or go on with what broke off; always 0, as there is nothing more to do for now."""
        at = getattr(self._resources.settings, self._system).reconcile_at
        if not await self._wanted(None if at is None else last_due(at, self._resources.clock())):
            return 0
        try:
            run = await making.reconciliation(self._resources, self._system).run(repair=True)
        except Busy:
            return 0
        except (SystemPause, SystemDown, TaskError) as error:  # it goes on from there by and by
            log.warning("no comparison with the CRM", action="reconcile_put_off", reason=str(error))
            return 0
        log.info("compared with the CRM", action="reconciled", run=run.id, **run.counts)
        return 0

    async def _wanted(self, due: datetime | None) -> bool:
        """Whether it was not done since it was last to begin (None: it never is by itself), or changes were missed since it was."""
        async with self._resources.pool.connection() as connection:
            # The first one is at the first night, and not when the system is connected.
            cursor = await connection.execute(
                """
                WITH runs AS (SELECT started_at, finished_at FROM sync.runs
                              WHERE system = %(system)s AND kind = 'reconcile' AND options = '{"repair": true}')
                SELECT %(due)s::timestamptz IS NOT NULL AND (
                        NOT EXISTS (SELECT FROM runs WHERE started_at >= %(due)s AND finished_at IS NOT NULL)
                        AND EXISTS (SELECT FROM sync.records WHERE system = %(system)s AND agreed_at < %(due)s)
                        OR EXISTS (SELECT FROM runs WHERE finished_at IS NULL))
                    OR EXISTS (SELECT FROM sync.streams WHERE system = %(system)s AND missed_at > coalesce(
                        (SELECT max(started_at) FROM runs WHERE finished_at IS NOT NULL), '-infinity')) AS wanted
                """,
                {"system": self._system, "due": due},
            )
            row = await cursor.fetchone()
        return bool(row and row["wanted"])
