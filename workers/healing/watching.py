"""Looks for everything that may be healed, and tells operations of new incidents and dead letters before anything is tried."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

import structlog
from prometheus_client import Gauge

from workers.engine.errors import UnreachableError
from workers.healing import observing, observing_leads
from workers.healing.model import Symptom, Trouble
from workers.operations import incidents
from workers.operations.model import DeadLetter, Incident
from workers.runtime.database import Pool

log = structlog.get_logger()

TROUBLES = Gauge("fairlead_open_troubles", "Incidents that wait, and dead letters nobody has settled.", ["kind"])

SCORES_SECONDS = 600.0
"""Between two looks at the scores: outcomes come slowly, and there may be many to look at."""

OWNERS: frozenset[Symptom] = frozenset({"owner_left", "owner_absent", "refused_by_owner", "refused_by_territory"})

Tell = Callable[[Sequence[Incident | DeadLetter]], Awaitable[int]]
"""Tells operations of what is new among these, and how many are."""


class Watch:
    """One look after the other."""

    def __init__(
        self, pool: Pool, board: incidents.Board, tell: Tell, *, scores_seconds: float = SCORES_SECONDS
    ) -> None:
        self._pool = pool
        self._board = board
        self._tell = tell
        self._scores_seconds = scores_seconds
        self._scores_at: float | None = None

    async def look(self) -> tuple[list[Trouble], set[Symptom]]:
        """What is wrong, and which symptoms were looked for: what could not be looked for is not known to be over.

        Raises:
            psycopg.Error: the database is away.
            UnreachableError: Camunda's REST API went away in the middle.
        """
        looked: set[Symptom] = {"dead_letter", "outbox_waits", "lead_not_begun", "lost_back_off", *OWNERS}
        letters = await observing.letters(self._pool)
        TROUBLES.labels("dead letter").set(len(letters))
        found: list[Incident] = []
        try:
            found = await self._board.open_incidents(observing.LOOKED_AT)
            looked.add("incident")
            TROUBLES.labels("incident").set(len(found))
        except UnreachableError as error:
            log.warning("incidents can't be seen", action="healing_blind", reason=str(error))
        # Before anything is tried: a trouble is told of even if it is gone a moment later.
        if told := await self._tell([*found, *letters]):
            log.warning("operations told", action="operations_told", number=told)
        waiting = await observing.waiting(self._pool)
        troubles = [*await observing.of_back_offs(self._pool), *await observing_leads.of_owners(self._pool)]
        if found or letters or waiting:
            signs = await observing.signs(self._pool)
            troubles += await observing.of_incidents(self._pool, found, signs)
            troubles += [*observing.of_letters(letters, signs), *observing.of_waiting(waiting, signs)]
        if self._scores_at is None or time.monotonic() - self._scores_at >= self._scores_seconds:
            self._scores_at = time.monotonic()
            looked.add("scorer_misses")
            troubles += await observing_leads.of_scores(self._pool)
        return troubles, looked
