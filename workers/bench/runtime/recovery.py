"""How soon the next job is completed after the only worker, or the broker, was killed.

Both are under the supervisor of the benchmark's stack, which starts them again by itself, as it does for everybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import httpx

from workers.bench.runtime.figures import BrokerReturn, Report
from workers.bench.runtime.sides import completed_jobs, probe_url, sides
from workers.bench.runtime.starting import Starter
from workers.bench.serving import NotServed
from workers.engine import readiness
from workers.engine.downloads import Store
from workers.engine.programs import Program
from workers.engine.programs import programs as every_program
from workers.engine.supervision import Supervisor
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import EngineBusy
from workers.settings import Settings

NAME = "bench_worker"
RATE = 20.0
"""Starts a second meanwhile."""
STEP_SECONDS = 0.01
SETTLE_SECONDS = 3.0
"""Between two kills: the supervisor takes a program that dies within two seconds for one that cannot start."""
LONGEST_SECONDS = 480.0

Tell = Callable[[str], None]


class Recovery:
    """Kills, and looks."""

    def __init__(
        self, settings: Settings, starter: Starter, http: httpx.AsyncClient, report: Report, tell: Tell
    ) -> None:
        self._settings = settings
        self._starter = starter
        self._http = http
        self._report = report
        self._tell = tell
        self._supervisor = Supervisor(settings.home)

    async def measure(self) -> None:
        """All kills of the plan, while instances are started all the time."""
        job_type = sides(self._settings)[0].job_type
        async with self._supervised():
            starting = asyncio.create_task(self._starter.keep_starting(job_type, RATE))
            try:
                await self._settled()
                for _ in range(self._report.plan.trials):
                    await self._kill_worker()
                for _ in range(self._report.plan.broker_trials):
                    await self._kill_broker()
            finally:
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def _supervised(self) -> AsyncIterator[None]:
        """Our worker as one more program of the stack."""
        settings = self._settings
        known = every_program(settings, Store(settings.cache, settings.maven_repository), engine_only=True)
        await asyncio.to_thread(self._supervisor.write, [*known, _program(settings)])
        await asyncio.to_thread(self._supervisor.update)
        self._supervisor.start(NAME)
        try:
            yield
        finally:
            await asyncio.to_thread(self._supervisor.stop, NAME)

    async def _kill_worker(self) -> None:
        killed = self._kill(NAME)
        # The counter begins anew with the new process.
        seconds = await self._until("the worker", killed, partial(self._has_completed, 0))
        self._report.worker_killed.append(seconds)
        self._tell(f"worker killed: next job completed after {seconds:.2f} s")
        await self._settled()

    async def _kill_broker(self) -> None:
        killed = self._kill("camunda")
        away = await self._until("the broker's gRPC", killed, partial(self._answers, ZeebeClient.topology))
        answered = time.monotonic()
        replayed = await self._until("the broker to take a command", answered, partial(self._answers, _command))
        returned = time.monotonic()
        before = await completed_jobs(self._http, self._settings) or 0
        completed = await self._until("the next job", returned, partial(self._has_completed, before))
        self._report.broker_killed.append(BrokerReturn(away, replayed, completed))
        self._tell(
            f"broker killed: gRPC after {away:.1f} s, a command answered {replayed:.2f} s later, "
            f"next job completed {completed:.2f} s after that"
        )
        await self._settled()

    def _kill(self, name: str) -> float:
        """Kill a program; seconds of the monotonic clock."""
        os.kill(self._supervisor.states()[name].pid, signal.SIGKILL)
        return time.monotonic()

    async def _settled(self) -> None:
        """Wait until the worker completes jobs, and a little more."""
        await self._until("the worker", time.monotonic(), partial(self._has_completed, 0))
        await asyncio.sleep(SETTLE_SECONDS)

    async def _has_completed(self, before: int) -> bool:
        found = await completed_jobs(self._http, self._settings)
        return found is not None and found > before

    async def _answers(self, ask: Callable[[ZeebeClient], Awaitable[object]]) -> bool:
        # A new channel each time: an old one would wait before it connects again.
        async with ZeebeClient(self._settings) as client:
            try:
                await ask(client)
            except EngineBusy:
                return False
        return True

    async def _until(self, what: str, since: float, condition: Callable[[], Awaitable[bool]]) -> float:
        while not await condition():
            if time.monotonic() - since > LONGEST_SECONDS:
                raise NotServed(f"Waited {LONGEST_SECONDS:.0f} s for {what} after a kill, in vain.")
            await asyncio.sleep(STEP_SECONDS)
        return time.monotonic() - since


async def _command(client: ZeebeClient) -> None:
    """One that changes nothing: a message that nobody waits for."""
    await client.publish("bench_nobody_waits", "bench", {}, ttl_seconds=0)


def _program(settings: Settings) -> Program:
    ours = sides(settings)[0]
    return Program(
        name=NAME,
        title="The benchmark's worker",
        phase=3,
        command=lambda: (sys.executable, "-m", *ours.command),
        ready=partial(readiness.http_ok, f"{probe_url(settings)}/readyz"),
        ports={"worker_metrics": settings.ports.worker_metrics},
        priority=600,
    )
