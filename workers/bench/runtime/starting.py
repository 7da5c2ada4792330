"""Starts instances of the benchmark's processes, and asks the engine how many it has completed."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Mapping
from pathlib import Path

import httpx

from workers.bench.figures import schedule
from workers.bench.sending import Sent, open_loop
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import EngineBusy
from workers.settings import Settings

PROCESS, WAITING = "bench_one_task", "bench_waiting"
AT_ONCE = 64
"""Starts of a burst that wait for the engine's answer at any time."""
COUNTER = "zeebe_element_instance_events_total{"
"""What Camunda 8.6 calls its counter of element instances by what happened to them."""

_numbers = itertools.count(1)


class Starter:
    """Starts instances at one engine."""

    def __init__(self, settings: Settings, client: ZeebeClient) -> None:
        self._url = f"http://127.0.0.1:{settings.ports.camunda_management}/actuator/prometheus"
        self._client = client

    async def deploy(self) -> None:
        """Deploy the two processes."""
        folder = Path(__file__).parent / "one_task"
        await self._client.deploy({file.name: file.read_bytes() for file in sorted(folder.glob("*.bpmn"))})

    def cases(self, number: int) -> list[str]:
        """Case ids that nobody had before, in this run of the benchmark."""
        series = next(_numbers)
        return [f"case-{series}-{i}" for i in range(number)]

    async def burst(self, process: str, job_type: str, cases: list[str]) -> None:
        """Start an instance for each case, as fast as the engine takes them; returns when it took all."""
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(case_id: str) -> None:
            async with slots:
                await self._start(process, job_type, case_id)

        async with asyncio.TaskGroup() as group:
            for case_id in cases:
                group.create_task(one(case_id))

    async def at_rate(self, job_type: str, rate: float, seconds: float) -> Sent:
        """Start instances at fixed times, whatever the engine answers (open loop)."""
        offsets = schedule(rate, seconds)
        bodies = [{"external_id": case_id} for case_id in self.cases(len(offsets))]

        async def start(body: Mapping[str, object]) -> str:
            await self._start(PROCESS, job_type, str(body["external_id"]))
            return "started"

        return await open_loop(start, bodies, offsets)

    async def keep_starting(self, job_type: str, rate: float) -> None:
        """Start instances until cancelled, also while the engine is away; what it does not take is forgotten."""
        async with asyncio.TaskGroup() as group:
            while True:
                (case_id,) = self.cases(1)
                group.create_task(self._try(job_type, case_id))
                await asyncio.sleep(1 / rate)

    async def _try(self, job_type: str, case_id: str) -> None:
        try:
            await self._client.start(PROCESS, {"case_id": case_id, "job_type": job_type})
        except EngineBusy:
            return

    async def _start(self, process: str, job_type: str, case_id: str) -> None:
        while True:
            try:
                await self._client.start(process, {"case_id": case_id, "job_type": job_type})
            except EngineBusy:  # back-pressure: it counts for whoever is measured, as the time goes on
                await asyncio.sleep(random.uniform(0.01, 0.05))  # noqa: S311 - spreading
            else:
                return

    async def completed(self, http: httpx.AsyncClient) -> int:
        """Process instances that the engine has completed since it started, by its own count."""
        return completed_processes((await http.get(self._url)).raise_for_status().text)


def completed_processes(text: str) -> int:
    """Completed process instances in Camunda's metrics (Prometheus' text format); 0 before the first one."""
    lines = [line for line in text.splitlines() if line.startswith(COUNTER)]
    chosen = [line for line in lines if 'action="completed"' in line and 'type="PROCESS"' in line]
    return round(sum(float(line.rpartition(" ")[2]) for line in chosen))
