"""`fairlead bench scaling`: what an instance costs with more partitions, and with more worker processes.

One machine has no more processors for more of either, so it is not throughput that tells how a cluster grows, but processor
time for an instance: where it stays the same, what is needed grows with the rate alone. Each number of partitions has a
stack of its own; the numbers of workers take turns in it.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from workers.bench.cpu import snapshot, usage, warm_up
from workers.bench.own_stack import own_stack
from workers.bench.runtime.one_task.stamps import Handled
from workers.bench.runtime.sides import LOG, ROOT
from workers.bench.runtime.starting import PROCESS, Starter
from workers.bench.serving import NotServed, answering, programs, start, stop
from workers.engine.ports import free_port
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import Refused
from workers.settings import Settings

JOB_TYPE = "one_task.act_once"
PARTITIONS = "ZEEBE_BROKER_CLUSTER_PARTITIONSCOUNT"
LONGEST_SECONDS = 300.0
STEP_SECONDS = 0.1
WARM_UPS = 8
"""Bursts that do not count, at most, until Camunda's compilers rest."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured."""

    partitions: tuple[int, ...] = (1, 3)
    workers: tuple[int, ...] = (1, 2, 4)
    instances: int = 1_000
    """Of a burst."""
    rounds: int = 3


@dataclass(frozen=True, slots=True)
class Burst:
    """Instances that were started as fast as the engine took them, with one task done once each."""

    partitions: int
    workers: int
    instances: int
    seconds: float
    """From the first start until the engine had completed the last one."""
    programs: dict[str, float]
    """Program → processor seconds; all workers together as ``workers``."""
    others_cores: float
    """Cores that nothing of the stack kept busy."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians of the bursts of one number of partitions and of workers."""

    partitions: int
    workers: int
    throughput: float
    """Instances a second."""
    milliseconds: dict[str, float]
    """Program → processor time for an instance."""
    others_cores: float

    @property
    def total(self) -> float:
        """Of all programs but the benchmark itself."""
        return sum(cost for name, cost in self.milliseconds.items() if name != "bench")


@dataclass(slots=True)
class Report:
    """The plan and what came of it."""

    plan: Plan
    bursts: list[Burst] = field(default_factory=list)

    def costs(self) -> Iterator[Cost]:
        """In the order of measuring, for what was measured."""
        for place in dict.fromkeys((one.partitions, one.workers) for one in self.bursts):
            here = [one for one in self.bursts if (one.partitions, one.workers) == place]
            yield Cost(
                *place,
                statistics.median(one.instances / one.seconds for one in here),
                {
                    name: statistics.median(one.programs[name] / one.instances * 1000 for one in here)
                    for name in here[0].programs
                },
                statistics.median(one.others_cores for one in here),
            )


def bench(report: Report, tell: Tell) -> None:
    """Measure all of the plan; what was measured is in the report, also after an interruption.

    Raises:
        NotServed, StackFailed: a stack or a worker did not do what it should.
    """
    for partitions in report.plan.partitions:
        tell(f"starting a stack with {partitions} partitions …")
        with own_stack(engine_only=True, **{PARTITIONS: str(partitions)}) as settings:
            asyncio.run(_stack(settings, partitions, report, tell))


async def _stack(settings: Settings, partitions: int, report: Report, tell: Tell) -> None:
    plan = report.plan
    async with ZeebeClient(settings) as client, httpx.AsyncClient(timeout=10, trust_env=False) as http:
        starter = Starter(settings, client)
        await starter.deploy()
        await _deployed_everywhere(starter, partitions)
        once = Bursts(settings, starter, http, partitions)

        async def warm() -> None:
            await once.burst(plan.workers[0], plan.instances)

        await warm_up(programs(settings).get("camunda"), WARM_UPS, warm, tell)
        for number in range(plan.rounds):
            first = number % len(plan.workers)  # whoever comes later finds a warmer machine
            for workers in plan.workers[first:] + plan.workers[:first]:
                found = await once.burst(workers, plan.instances)
                report.bursts.append(found)
                tell(f"{partitions} partitions, {workers} workers: {found.instances / found.seconds:.1f} instances/s")


async def _deployed_everywhere(starter: Starter, partitions: int) -> None:
    """The first partition answers a deployment before the others have it."""
    end = time.monotonic() + LONGEST_SECONDS
    known = False
    while not known:
        try:
            await starter.burst(PROCESS, JOB_TYPE, starter.cases(8 * partitions))
            known = True
        except* Refused:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(STEP_SECONDS)


class Bursts:
    """Bursts at one stack."""

    def __init__(self, settings: Settings, starter: Starter, http: httpx.AsyncClient, partitions: int) -> None:
        self._settings = settings
        self._starter = starter
        self._http = http
        self._partitions = partitions
        self._handled = Handled(settings)

    async def burst(self, workers: int, instances: int) -> Burst:
        """One, served by so many processes. Raises `NotServed`."""
        with self._serving(workers) as (serving, urls):
            await answering(urls)
            before = await self._settled()
            pids = programs(self._settings) | serving
            used, cases = snapshot(pids), self._starter.cases(instances)
            began = time.monotonic()
            await self._starter.burst(PROCESS, JOB_TYPE, cases)
            handled = await self._handled.until(set(cases), LONGEST_SECONDS)
            while handled and await self._starter.completed(self._http) < before + instances:
                if time.monotonic() > began + LONGEST_SECONDS:
                    handled = False
                await asyncio.sleep(STEP_SECONDS)
            seconds = time.monotonic() - began
            found = usage(used, snapshot(pids))
        if not handled:
            raise NotServed(f"Not all of {instances} instances were completed after {LONGEST_SECONDS:.0f} s.")
        costs = {name: cost for name, cost in found.programs.items() if not name.startswith("worker ")}
        costs["workers"] = sum(cost for name, cost in found.programs.items() if name.startswith("worker "))
        return Burst(self._partitions, workers, instances, seconds, costs, found.others_cores)

    async def _settled(self) -> int:
        """Completed instances, once there are no more of what was started before."""
        found = -1
        while found != (now := await self._starter.completed(self._http)):
            found = now
            await asyncio.sleep(1)
        return found

    @contextmanager
    def _serving(self, workers: int) -> Iterator[tuple[dict[str, int], list[str]]]:
        """Process ids by name, and where each says that it is ready."""
        folder = self._settings.home.absolute() / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        ports = [free_port() for _ in range(workers)]
        with (folder / LOG).open("ab") as log:
            processes = [
                start(("workers", "worker", "run", JOB_TYPE, "--root", ROOT, "--metrics-port", str(port)), log.fileno())
                for port in ports
            ]
        try:
            yield (
                {f"worker {number}": one.pid for number, one in enumerate(processes, 1)},
                [f"http://127.0.0.1:{port}/readyz" for port in ports],
            )
        finally:
            stop(processes)
