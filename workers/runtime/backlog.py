"""Jobs that wait in this process for a free slot, few enough to be looked through, and which of them is next.

Zeebe 8.6 has no priorities: a stream pushes new jobs in order, a poll finds the oldest of those that wait. So a worker
that is behind takes a few more jobs than it can run, and chooses among these:

1. urgent ones, the earliest due first: those whose task names a moment (`TaskSpec.due`) that is near. Those that are
   too late already come after those that can still be in time (earliest deadline first serves late jobs at the cost of
   making all others late too). One choice in `ORDINARY_TURN` is left to the others, if any wait.
2. else by start-time fair queueing (Goyal, Vin, Cheng: "Start-time Fair Queueing", SIGCOMM 1996) between lanes. A lane
   holds a task type's new jobs (pushed) or old ones (found); each start costs its lane what jobs of the type typically
   last, by the lane's weight, so that slots' time is shared and slow tasks cannot crowd out quick ones. What a lane
   does not need goes to the others.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import structlog

from workers.runtime import metrics
from workers.runtime.task import TaskSpec
from workers.runtime.unit import validated
from workers.runtime.zeebe_types import Job

log = structlog.get_logger()

Origin = Literal["pushed", "found"]

ORDINARY_TURN = 4
"""Of so many choices in a row one goes to jobs that are not urgent."""
WEIGHTS: dict[Origin, float] = {"pushed": 3.0, "found": 1.0}
"""Shares of a type's slot time while both kinds wait. New jobs get more: when their lane is full, their stream is not
read, and an urgent one is seen no sooner than any other."""
FEWEST = 4
"""A lane may hold so many, whatever the others hold."""
CLOCK_MOVED = 10
"""After so many jobs in a row that seem to be older than they can be, ages are measured anew."""
AHEAD_SECONDS = 5.0
"""A lane holds no more than can be started in about this time: what waits here, no other worker can take."""


@dataclass(eq=False)
class Waiting:
    """A job that waits to be started."""

    spec: TaskSpec
    job: Job
    origin: Origin
    rank: tuple[bool, float] | None = None
    """Place among the urgent ones, lowest first: whether it is too late, and when it is due. None: not urgent."""
    extended_at: float | None = None
    """When it was last given its full time again (monotonic seconds)."""


@dataclass
class Ages:
    """How long jobs lay between the engine and us, whatever the two clocks say: the quickest one counts as 0 s."""

    offset: float = float("inf")
    _too_old: list[float] = field(default_factory=list)

    def seconds(self, job: Job, timeout: float) -> float:
        """Age of a job that was activated with that timeout."""
        seen = time.time() - (job.deadline / 1000 - timeout)
        self.offset = min(self.offset, seen)
        if seen - self.offset <= timeout:
            self._too_old.clear()
            return seen - self.offset
        # No job gets older than its time-out; if many in a row seem to, the two clocks have moved apart.
        self._too_old.append(seen)
        if len(self._too_old) >= CLOCK_MOVED:
            self.offset = min(self._too_old)
            self._too_old.clear()
        return seen - self.offset


class Lane:
    """New or old jobs of one type, first come, first out."""

    def __init__(self, spec: TaskSpec, origin: Origin) -> None:
        self.spec = spec
        self.origin = origin
        self.jobs: deque[Waiting] = deque()
        self.start = 0.0
        """Start tag of the next job, in seconds of slot time (virtual)."""
        self.left = asyncio.Event()
        """Set when a job has left."""


class Backlog:
    """The waiting jobs of one process: about `most` at most."""

    def __init__(
        self,
        most: int,
        urgent_seconds: float,
        *,
        typical: Callable[[str], float],
        slots: Callable[[str], int],
        now: Callable[[], float] = time.time,
    ) -> None:
        """`typical` is what a job of a type lasts in seconds, `slots` how many of it may run; `now` counts from 1970."""
        self._most = most
        self._urgent_seconds = urgent_seconds
        self._typical = typical
        self._slots = slots
        self._now = now
        self._lanes: dict[tuple[str, Origin], Lane] = {}
        self._virtual = 0.0
        self._urgent_in_a_row = 0

    def __len__(self) -> int:
        return sum(len(lane.jobs) for lane in self._lanes.values())

    def __iter__(self) -> Iterator[Waiting]:
        return iter([one for lane in self._lanes.values() for one in lane.jobs])

    def lane(self, spec: TaskSpec, origin: Origin) -> Lane:
        """The lane of such jobs."""
        return self._lanes.setdefault((spec.job_type, origin), Lane(spec, origin))

    def room(self, lane: Lane) -> int:
        """How many more jobs the lane may take now; an empty one takes at least one.

        It may hold what can be started soon, and as much as each lane in use, with one share kept for a lane to come.
        """
        in_use = sum(1 for one in self._lanes.values() if one.jobs or one is lane)
        others = len(self) - len(lane.jobs)
        job_type = lane.spec.job_type
        soon = math.ceil(self._slots(job_type) * AHEAD_SECONDS / max(self._typical(job_type), 0.001))
        return min(soon, max(FEWEST, min(self._most // (in_use + 1), self._most - others))) - len(lane.jobs)

    def put(self, lane: Lane, job: Job) -> None:
        """Have a job wait in the lane."""
        if not lane.jobs:
            lane.start = max(lane.start, self._virtual)
        lane.jobs.append(Waiting(lane.spec, job, lane.origin, self._rank(lane.spec, job)))
        self._show(lane)

    def take(self, may_start: Callable[[str], bool]) -> Waiting | None:
        """The next job among the types that may start one, or None."""
        lanes = [lane for lane in self._lanes.values() if lane.jobs and may_start(lane.spec.job_type)]
        if not lanes:
            return None
        urgent = [(one.rank, lane, one) for lane in lanes for one in lane.jobs if one.rank is not None]
        if urgent:
            ordinary = [lane for lane in lanes if any(one.rank is None for one in lane.jobs)]
            self._urgent_in_a_row += 1
            if not ordinary or self._urgent_in_a_row < ORDINARY_TURN:
                _, lane, chosen = min(urgent, key=lambda found: found[0])
                metrics.JOBS_URGENT.labels(lane.spec.job_type).inc()
                return self._out(lane, chosen)
            lanes = ordinary
        self._urgent_in_a_row = 0
        lane = min(lanes, key=lambda one: one.start)
        self._virtual = lane.start
        lane.start += self._typical(lane.spec.job_type) / WEIGHTS[lane.origin]
        return self._out(lane, next(one for one in lane.jobs if not urgent or one.rank is None))

    def drop(self, waiting: Waiting) -> None:
        """Take out a job that is not to be started; no error if it is not there any more."""
        lane = self.lane(waiting.spec, waiting.origin)
        if waiting in lane.jobs:
            self._out(lane, waiting)

    def _out(self, lane: Lane, chosen: Waiting) -> Waiting:
        lane.jobs.remove(chosen)
        lane.left.set()
        self._show(lane)
        return chosen

    def _rank(self, spec: TaskSpec, job: Job) -> tuple[bool, float] | None:
        if spec.due is None:
            return None
        try:
            due = spec.due(validated(spec, job.variables))
        except Exception as error:  # noqa: BLE001 - the job itself will say what is wrong with its variables
            log.debug("no due moment", action="due_unknown", job_key=job.key, reason=type(error).__name__)
            return None
        if due is None:
            return None
        left = due.timestamp() - self._now()
        return (left < 0, due.timestamp()) if abs(left) <= self._urgent_seconds else None

    def _show(self, lane: Lane) -> None:
        metrics.JOBS_WAITING.labels(lane.spec.job_type, lane.origin).set(len(lane.jobs))
