"""Where jobs come from: one stream for each task type, a rare poll beside it, and one bound on running jobs for all.

A stream pushes what becomes available while it is open. What waited before, and what the gateway took back because we
did not read, is found by polling: at the start, every few seconds, and often while we are at the bound.

A job starts at once if the limits (`runtime.limit`) let it. Else it waits in the backlog (`runtime.backlog`), which
chooses who is next. When a task's lane there is full its stream is not read further: gRPC's flow control is the
back-pressure. So at most `max_running` jobs run, about `look_ahead` are held, and a few more lie in gRPC's window. A job
that waited long is given more time before it starts, and while it waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import time
from collections.abc import Sequence

import structlog

from workers.runtime import metrics, tracing
from workers.runtime.backlog import Ages, Backlog, Lane, Waiting
from workers.runtime.housekeeping import ended
from workers.runtime.journal import GRACE_SECONDS
from workers.runtime.limit import Limits
from workers.runtime.task import TaskSpec
from workers.runtime.worker import Worker
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import EngineBusy, Job, JobGone, Overloaded, Refused
from workers.settings import WorkerLimits

log = structlog.get_logger()

POLL_SECONDS = 8.0
"""Between polls that find nothing."""
SOON_SECONDS = 0.25
"""Between polls while jobs may have been taken back by the gateway, because we did not read on."""
KEEP_SECONDS = 2.0
"""Between looks whether waiting jobs need more time."""
KEEP_SHARE = 1 / 3
"""They do when so much of it is gone."""
DRY_SECONDS = 0.1
"""When stopping: a stream that is silent for so long has nothing left in its window."""


class Feed:
    """Takes jobs of some tasks and has them run, until it is stopped."""

    def __init__(self, client: ZeebeClient, worker: Worker, specs: Sequence[TaskSpec], limits: WorkerLimits) -> None:
        self._client = client
        self._worker = worker
        self._specs = specs
        self._name = f"{socket.gethostname()}-{os.getpid()}"
        self._limits = Limits(limits.max_running_jobs, [spec.job_type for spec in specs])
        worker.answers.overloaded = self._limits.refused
        self._backlog = Backlog(
            limits.look_ahead_jobs, limits.urgent_seconds, typical=self._limits.typical, slots=self._limits.of
        )
        self._stopping = asyncio.Event()
        self._poll_now = {spec.job_type: asyncio.Event() for spec in specs}
        self._crowded = dict.fromkeys(self._poll_now, False)
        self._opened_at: dict[str, float] = {}
        self._ages = Ages()
        self._last_message = 0.0
        self._returning: set[asyncio.Task[None]] = set()
        self.running: set[asyncio.Task[str]] = set()
        """Jobs at work."""
        self.open_streams: set[str] = set()
        """Job types whose stream is open, as far as this side knows."""

    async def run(self) -> None:
        """Take jobs until `stop` is called; then return, with jobs perhaps still running."""
        self._stopped = asyncio.ensure_future(self._stopping.wait())
        keeper = asyncio.create_task(self._keep())
        streams = [asyncio.create_task(self._stream(spec)) for spec in self._specs]
        polls = [asyncio.create_task(self._poll(spec)) for spec in self._specs]
        try:
            await asyncio.wait((self._stopped, keeper, *streams, *polls), return_when=asyncio.FIRST_COMPLETED)
            if self._stopping.is_set():
                await self._dry_out(polls)
        finally:
            await ended((self._stopped, keeper, *streams, *polls))
        for task in (keeper, *streams, *polls):
            if not task.cancelled():
                task.result()  # raises what ended it

    def stop(self) -> None:
        """Take no more jobs, and hand back those that wait."""
        self._stopping.set()
        for waiting in self._backlog:
            self._backlog.drop(waiting)
            self._return(waiting.spec, waiting.job)
        for event in self._poll_now.values():
            event.set()

    async def drain(self, seconds: float) -> bool:
        """After `stop`: let running jobs finish; hand back those that are left after so many seconds, with the retries
        they had. True if none was left.
        """
        if self.running:
            await asyncio.wait(self.running, timeout=seconds)
        left = set(self.running)
        for task in left:
            task.cancel()
        if left or self._returning:
            await asyncio.wait(left | self._returning, timeout=10)
        return not left

    async def _stream(self, spec: TaskSpec) -> None:
        ceiling = 0.2
        while True:
            opened = time.monotonic()
            try:
                await self._read(spec)
            except EngineBusy as error:
                metrics.STREAM_BREAKS.labels(spec.job_type).inc()
                log.info(
                    "job stream broke, opening it again", action="stream_broke", task=spec.job_type, reason=str(error)
                )
                if time.monotonic() - opened > 10:
                    ceiling = 0.2
                await asyncio.sleep(random.uniform(0.05, ceiling))  # noqa: S311 - full jitter
                ceiling = min(2.0, ceiling * 2)
            except Refused as error:
                log.warning("job stream refused", action="stream_refused", task=spec.job_type, reason=str(error))
                await asyncio.sleep(10)

    async def _read(self, spec: TaskSpec) -> None:
        jobs = self._client.stream(
            spec.job_type,
            worker=self._name,
            timeout_seconds=self._worker.job_timeout(spec),
            variables=tracing.fetched(spec.input_model.model_fields),
            on_open=lambda: self._opened(spec),
        )
        try:
            async with contextlib.aclosing(jobs):
                async for job in jobs:
                    self._last_message = time.monotonic()
                    await self._admit(self._backlog.lane(spec, "pushed"), job)
        finally:
            if spec.job_type in self.open_streams:
                self.open_streams.discard(spec.job_type)
                metrics.STREAMS_OPEN.dec()

    def _opened(self, spec: TaskSpec) -> None:
        self.open_streams.add(spec.job_type)
        self._opened_at[spec.job_type] = time.monotonic()
        metrics.STREAMS_OPEN.inc()
        self._poll_now[spec.job_type].set()  # for what became available while no stream was open
        log.info("job stream open", action="stream_open", task=spec.job_type)

    async def _poll(self, spec: TaskSpec) -> None:
        wake = self._poll_now[spec.job_type]
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), self._poll_pause(spec))
            wake.clear()
            lane = self._backlog.lane(spec, "found")
            free = await self._room(lane)
            if self._stopping.is_set():
                return
            try:
                jobs = await self._client.activate(
                    spec.job_type,
                    worker=self._name,
                    timeout_seconds=self._worker.job_timeout(spec),
                    variables=tracing.fetched(spec.input_model.model_fields),
                    at_most=free,
                )
            except (EngineBusy, Refused) as error:
                if isinstance(error, Overloaded):
                    self._limits.refused()
                log.debug("poll failed", action="poll_failed", task=spec.job_type, reason=str(error))
                continue
            self._crowded[spec.job_type] = False
            for job in jobs:
                self._put(lane, job)
            if jobs:
                wake.set()

    def _poll_pause(self, spec: TaskSpec) -> float:
        if spec.job_type not in self._opened_at:
            return POLL_SECONDS
        if self._crowded[spec.job_type]:
            return SOON_SECONDS
        # The gateway tells the brokers of a new stream a little later: look often at first.
        age = time.monotonic() - self._opened_at[spec.job_type]
        return min(POLL_SECONDS, max(SOON_SECONDS, age / 8)) * random.uniform(0.8, 1.2)  # noqa: S311 - not all at once

    async def _room(self, lane: Lane) -> int:
        """Wait until the lane is half empty, so that a poll is worth its while; how many jobs it can take."""
        while (free := self._backlog.room(lane)) < len(lane.jobs) and not self._stopping.is_set():
            await self._left(lane)
        return free

    async def _left(self, lane: Lane) -> None:
        lane.left.clear()
        left = asyncio.ensure_future(lane.left.wait())
        await asyncio.wait((left, self._stopped), return_when=asyncio.FIRST_COMPLETED)
        left.cancel()

    async def _admit(self, lane: Lane, job: Job) -> None:
        """Take a pushed job as soon as its lane has room."""
        while self._backlog.room(lane) < 1 and not self._stopping.is_set():
            self._crowded[lane.spec.job_type] = True
            await self._left(lane)
        self._put(lane, job)

    def _put(self, lane: Lane, job: Job) -> None:
        if self._stopping.is_set():
            self._return(lane.spec, job)
        elif not len(self._backlog) and self._limits.may_start(lane.spec.job_type):
            self._start(Waiting(lane.spec, job, lane.origin))
        else:
            self._backlog.put(lane, job)
            self._fill()

    def _fill(self) -> None:
        """Start waiting jobs as far as the limits let us."""
        while not self._stopping.is_set() and (chosen := self._backlog.take(self._limits.may_start)) is not None:
            self._start(chosen)

    def _start(self, chosen: Waiting) -> None:
        job_type = chosen.spec.job_type
        started = self._limits.start(job_type)

        def ended(task: asyncio.Task[str]) -> None:
            self.running.discard(task)
            error = None if task.cancelled() else task.exception()
            if error is not None:
                log.error("a job was left without an answer, it will time out", action="job_unanswered", exc_info=error)
            self._limits.end(job_type, started, None if task.cancelled() or error else task.result())
            self._fill()

        task = asyncio.create_task(self._run(chosen))
        self.running.add(task)
        task.add_done_callback(ended)

    def _return(self, spec: TaskSpec, job: Job) -> None:
        task = asyncio.create_task(self._worker.hand_back(spec, job))
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)

    async def _run(self, chosen: Waiting) -> str:
        if self._age(chosen) > GRACE_SECONDS / 2:
            metrics.JOBS_LATE.inc()
            if not await self._extend(chosen):
                return "gone"
        return await self._worker.handle(chosen.spec, chosen.job)

    def _age(self, waiting: Waiting) -> float:
        """Seconds of the job's time with the engine that are gone."""
        if waiting.extended_at is not None:
            return time.monotonic() - waiting.extended_at
        return self._ages.seconds(waiting.job, self._worker.job_timeout(waiting.spec))

    async def _extend(self, waiting: Waiting) -> bool:
        """Give the job its full time again; False if it is not ours any more."""
        try:
            await self._client.extend(waiting.job.key, self._worker.job_timeout(waiting.spec))
        except JobGone:
            log.info("job timed out before a slot was free", action="job_too_late", job_key=waiting.job.key)
            return False
        except (EngineBusy, Refused) as error:
            log.info("job not extended", action="extend_failed", job_key=waiting.job.key, reason=str(error))
        else:
            waiting.extended_at = time.monotonic()
        return True

    async def _keep(self) -> None:
        """Give waiting jobs more time before they run out of it."""
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            for waiting in self._backlog:
                if self._age(waiting) > KEEP_SHARE * self._worker.job_timeout(waiting.spec) and not await self._extend(
                    waiting
                ):
                    self._backlog.drop(waiting)

    async def _dry_out(self, polls: list[asyncio.Task[None]]) -> None:
        """Hand back what the engine had pushed ahead of us, which would otherwise lie there until its time-out."""
        end = time.monotonic() + 2.0
        await asyncio.wait(polls, timeout=2.0)
        self._last_message = max(self._last_message, time.monotonic() - DRY_SECONDS / 2)
        while (quiet := min(end, self._last_message + DRY_SECONDS) - time.monotonic()) > 0:  # noqa: ASYNC110 - waits for silence, which is no event
            await asyncio.sleep(quiet)
