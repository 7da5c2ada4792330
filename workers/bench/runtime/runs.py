"""The rounds: each side serves in its turn, and is given a closed burst and an open loop."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable

import httpx

from workers.bench.cpu import snapshot, usage, warm_up
from workers.bench.figures import Passage, Spread, figures, spread
from workers.bench.runtime.figures import DBOS, Burst, Reference, Report, Round, Sustained, WorkerStart
from workers.bench.runtime.one_task.stamps import Handled
from workers.bench.runtime.sides import Side, Worker, serving, sides
from workers.bench.runtime.starting import PROCESS, WAITING, Starter
from workers.bench.serving import NotServed, programs
from workers.settings import Settings

WARM_UP = 300
"""Instances of each side that come first and do not count, again and again until Camunda's compilers rest: a cold Java
machine is half as fast."""
LONGEST_SECONDS = 900.0
"""After which a burst that is not done is given up."""
COUNT_SECONDS = 0.05

Tell = Callable[[str], None]


class Rounds:
    """Measures a stack of the benchmark's own."""

    def __init__(
        self, settings: Settings, starter: Starter, http: httpx.AsyncClient, report: Report, tell: Tell
    ) -> None:
        self._settings = settings
        self._starter = starter
        self._http = http
        self._report = report
        self._tell = tell
        self._handled = Handled(settings)

    async def measure(self) -> None:
        """All sides by turns; the figures go into the report as they come."""
        plan = self._report.plan
        every = sides(self._settings)
        await self._warm_up(every)
        for number in range(plan.rounds):
            first = number % len(every)  # each begins a round once: whoever comes later finds a warmer machine
            for side in every[first:] + every[:first]:
                await self._round(side, number)
            await self._dbos()

    async def sustain(self) -> None:
        """Starts at a fixed rate for minutes, served by ours, while other instances are open."""
        plan = self._report.plan
        ours = sides(self._settings)[0]
        await self._starter.burst(WAITING, ours.job_type, self._starter.cases(plan.waiting))
        self._tell(f"{plan.waiting:,} instances wait")
        seconds = plan.sustain_minutes * 60
        async with serving(ours, self._settings) as worker:
            await worker.ready()
            before = await self._starter.completed(self._http)
            sent = await self._starter.at_rate(ours.job_type, plan.sustain_rate, seconds)
            await self._handled.until(set(sent.scheduled), seconds + 10)
            times = self._handled.read()
            passages = [
                Passage(at, received=at, assigned=times.get(one), settled=times.get(one))
                for one, at in sent.scheduled.items()
            ]
            found = figures(passages, start=sent.start, rate=plan.sustain_rate, seconds=seconds, until=time.time())
            completed = await self._completed(before + len(passages), 10.0) - before
        self._report.sustained = Sustained(found, plan.waiting, completed)
        self._tell(f"sustained: {found.settled_per_second:.1f}/s for {seconds:g} s, {completed} completed")

    async def starts(self) -> None:
        """How long one of our workers takes to be ready."""
        ours = sides(self._settings)[0]
        for _ in range(self._report.plan.trials):
            began = time.monotonic()
            async with serving(ours, self._settings) as worker:
                await worker.ready()
                seconds = time.monotonic() - began
                self._report.starts.append(WorkerStart(seconds, worker.resident_mib()))
            self._tell(f"worker ready after {seconds:.2f} s")

    async def _warm_up(self, every: list[Side]) -> None:
        plan = self._report.plan

        async def once() -> None:
            for side in every:
                async with serving(side, self._settings) as worker:
                    await self._begin(side, worker)
                    await self._burst(side, worker, min(WARM_UP, plan.instances))

        await warm_up(programs(self._settings).get("camunda"), plan.warm_ups, once, self._tell)

    async def _round(self, side: Side, number: int) -> None:
        plan = self._report.plan
        async with serving(side, self._settings) as worker:
            await self._begin(side, worker)
            burst = await self._burst(side, worker, plan.instances)
            sent = await self._starter.at_rate(side.job_type, plan.rate, plan.seconds)
            if not await self._handled.until(set(sent.scheduled), LONGEST_SECONDS):
                raise NotServed(f"{side.name} did not handle all instances within {LONGEST_SECONDS:.0f} s.")
            times = self._handled.read()
        latency = spread([times[one] - at for one, at in sent.scheduled.items()])
        self._report.rounds.append(Round(side.name, burst, latency, sent.longest_delay))
        self._tell(f"round {number + 1}, {side.name}: {burst.throughput:.1f}/s, {_shown(latency)}")

    async def _begin(self, side: Side, worker: Worker) -> None:
        """Wait until the side serves: until one instance was handled."""
        if side.probed:
            await worker.ready()
        cases = self._starter.cases(1)
        before = await self._starter.completed(self._http)
        await self._starter.burst(PROCESS, side.job_type, cases)
        if not await self._handled.until(set(cases), 60.0):
            worker.require_alive()
            raise NotServed(f"{side.name} did not handle its first instance within a minute.")
        await self._completed(before + 1, 10.0)

    async def _burst(self, side: Side, worker: Worker, number: int) -> Burst:
        cases = self._starter.cases(number)
        pids = {**programs(self._settings), side.name: worker.pid}
        before, used = await self._starter.completed(self._http), snapshot(pids)
        began = time.monotonic()
        await self._starter.burst(PROCESS, side.job_type, cases)
        # The engine is asked only when the handlers are through: reading its metrics costs it time.
        handled = await self._handled.until(set(cases), LONGEST_SECONDS)
        done = await self._completed(before + number, LONGEST_SECONDS if handled else 0.0)
        seconds = time.monotonic() - began
        if done < before + number:
            raise NotServed(f"{side.name} completed {done - before} of {number} instances in {seconds:.0f} s.")
        return Burst(number, seconds, usage(used, snapshot(pids)), worker.resident_mib())

    async def _completed(self, wanted: int, seconds: float) -> int:
        """Wait until the engine has completed so many instances; how many it had in the end."""
        end = time.monotonic() + seconds
        while (found := await self._starter.completed(self._http)) < wanted and time.monotonic() < end:  # noqa: ASYNC110 - the engine tells nobody
            await asyncio.sleep(COUNT_SECONDS)
        return found

    async def _dbos(self) -> None:
        plan = self._report.plan
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "workers.bench.runtime.dbos_steps"),
            *(str(plan.instances), str(plan.rate), str(plan.seconds)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, complaint = await process.communicate()
        if process.returncode:
            last = complaint.decode(errors="replace").strip().splitlines()[-1:]
            self._tell(f"no reference: DBOS could not be measured ({''.join(last)})")
            return
        found = json.loads(output.splitlines()[-1])
        latency = Spread(**found["latency"]) if found["latency"] else None
        self._report.reference.append(Reference(found["throughput"], latency))
        self._tell(f"{DBOS}: {found['throughput']:.1f}/s, {_shown(latency)}")


def _shown(latency: Spread | None) -> str:
    if latency is None:
        return "no latencies"
    return f"start → handler p50 {latency.p50 * 1000:.1f} ms, p99 {latency.p99 * 1000:.1f} ms"
