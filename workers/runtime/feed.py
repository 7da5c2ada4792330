"""Where jobs come from: one stream for each task type, a rare poll beside it, and one bound on running jobs for all.

A stream pushes what becomes available while it is open. What waited before, and what the gateway took back because we
did not read, is found by polling: at the start, every few seconds, and often while we are at the bound.

gRPC's flow control is the back-pressure: the next message is read only when the last one has a free slot. So at most
`max_running_jobs` run, one job for each task type is held, and a few more lie in gRPC's window; those are the reason why
a job that waited long is given more time before it starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from workers.runtime import metrics
from workers.runtime.journal import GRACE_SECONDS
from workers.runtime.task import TaskSpec
from workers.runtime.worker import Worker, job_timeout
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import EngineBusy, Job, JobGone, Refused

log = structlog.get_logger()

POLL_SECONDS = 8.0
"""Between polls that find nothing."""
SOON_SECONDS = 0.25
"""Between polls while jobs may have been taken back by the gateway, because we were at the bound."""
DRY_SECONDS = 0.1
"""When stopping: a stream that is silent for so long has nothing left in its window."""


@dataclass
class Ages:
    """How long jobs lay between the engine and us, whatever the two clocks say: the quickest one counts as 0 s."""

    offset: float = float("inf")

    def seconds(self, job: Job, timeout: float) -> float:
        """Age of a job that was activated with that timeout."""
        seen = time.time() - (job.deadline / 1000 - timeout)
        self.offset = min(self.offset, seen)
        return seen - self.offset


class Feed:
    """Takes jobs of some tasks and has them run, until it is stopped."""

    def __init__(self, client: ZeebeClient, worker: Worker, specs: Sequence[TaskSpec], max_running: int) -> None:
        self._client = client
        self._worker = worker
        self._specs = specs
        self._name = f"{socket.gethostname()}-{os.getpid()}"
        self._max_running = max_running
        self._slots = asyncio.Semaphore(max_running)
        self._freed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._poll_now = {spec.job_type: asyncio.Event() for spec in specs}
        self._crowded = dict.fromkeys(self._poll_now, False)
        self._opened_at: dict[str, float] = {}
        self._ages = Ages()
        self._last_message = 0.0
        self.running: set[asyncio.Task[object]] = set()
        """Jobs at work."""
        self.open_streams: set[str] = set()
        """Job types whose stream is open, as far as this side knows."""

    async def run(self) -> None:
        """Take jobs until `stop` is called; then return, with jobs perhaps still running."""
        self._stopped = asyncio.ensure_future(self._stopping.wait())
        streams = [asyncio.create_task(self._stream(spec)) for spec in self._specs]
        polls = [asyncio.create_task(self._poll(spec)) for spec in self._specs]
        try:
            await asyncio.wait((self._stopped, *streams, *polls), return_when=asyncio.FIRST_COMPLETED)
            if self._stopping.is_set():
                await self._dry_out(polls)
        finally:
            for task in (self._stopped, *streams, *polls):
                task.cancel()
            ended = await asyncio.gather(*streams, *polls, return_exceptions=True)
        for failure in ended:
            if isinstance(failure, Exception):
                raise failure

    def stop(self) -> None:
        """Take no more jobs."""
        self._stopping.set()
        for event in (self._freed, *self._poll_now.values()):
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
        if left:
            await asyncio.wait(left, timeout=10)
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
            timeout_seconds=job_timeout(spec),
            variables=list(spec.input_model.model_fields),
            on_open=lambda: self._opened(spec),
        )
        try:
            async with contextlib.aclosing(jobs):
                async for job in jobs:
                    self._last_message = time.monotonic()
                    await self._take(spec, job)
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
            free = await self._room()
            if self._stopping.is_set():
                return
            try:
                jobs = await self._client.activate(
                    spec.job_type,
                    worker=self._name,
                    timeout_seconds=job_timeout(spec),
                    variables=list(spec.input_model.model_fields),
                    at_most=free,
                )
            except (EngineBusy, Refused) as error:
                log.debug("poll failed", action="poll_failed", task=spec.job_type, reason=str(error))
                continue
            self._crowded[spec.job_type] = False
            for job in jobs:
                await self._take(spec, job)
            if jobs:
                wake.set()

    def _poll_pause(self, spec: TaskSpec) -> float:
        if spec.job_type not in self._opened_at:
            return POLL_SECONDS
        if self._crowded[spec.job_type]:
            return SOON_SECONDS
        # The gateway tells the brokers of a new stream a little later: look often at first.
        age = time.monotonic() - self._opened_at[spec.job_type]
        return min(POLL_SECONDS, max(SOON_SECONDS, age)) * random.uniform(0.8, 1.2)  # noqa: S311 - not all at once

    async def _room(self) -> int:
        """Wait until a good part of the slots is free, or some for a while; how many are free."""
        enough = max(1, self._max_running // 3)
        while (free := self._max_running - len(self.running)) < enough and not self._stopping.is_set():
            self._freed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._freed.wait(), SOON_SECONDS)
                continue
            if free:
                break
        return free

    async def _take(self, spec: TaskSpec, job: Job) -> None:
        """Start a job when a slot is free; hand it back if we stop before."""
        if self._slots.locked():
            self._crowded[spec.job_type] = True
        slot = asyncio.ensure_future(self._slots.acquire())
        await asyncio.wait((slot, self._stopped), return_when=asyncio.FIRST_COMPLETED)
        if not slot.done():
            slot.cancel()
            await self._worker.hand_back(spec, job)
            return
        if self._stopping.is_set():
            self._slots.release()
            await self._worker.hand_back(spec, job)
            return
        task: asyncio.Task[object] = asyncio.create_task(self._run(spec, job))
        self.running.add(task)
        task.add_done_callback(self._finished)

    async def _run(self, spec: TaskSpec, job: Job) -> None:
        timeout = job_timeout(spec)
        if self._ages.seconds(job, timeout) > GRACE_SECONDS / 2:
            metrics.JOBS_LATE.inc()
            try:
                await self._client.extend(job.key, timeout)
            except JobGone:
                log.info("job timed out before a slot was free", action="job_too_late", job_key=job.key)
                return
            except (EngineBusy, Refused) as error:
                log.info("job not extended", action="extend_failed", job_key=job.key, reason=str(error))
        await self._worker.handle(spec, job)

    def _finished(self, task: asyncio.Task[object]) -> None:
        self.running.discard(task)
        self._slots.release()
        self._freed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a job was left without an answer, it will time out", action="job_unanswered", exc_info=error)

    async def _dry_out(self, polls: list[asyncio.Task[None]]) -> None:
        """Hand back what the engine had pushed ahead of us, which would otherwise lie there until its time-out."""
        end = time.monotonic() + 2.0
        await asyncio.wait(polls, timeout=2.0)
        self._last_message = max(self._last_message, time.monotonic() - DRY_SECONDS / 2)
        while (quiet := min(end, self._last_message + DRY_SECONDS) - time.monotonic()) > 0:  # noqa: ASYNC110 - waits for silence, which is no event
            await asyncio.sleep(quiet)
