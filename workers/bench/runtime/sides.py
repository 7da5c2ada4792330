"""Who serves the task: each side as a process of its own, started for its turn and stopped after it."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import httpx
import psutil

from workers.bench.runtime.figures import OURS, POLLING, READING, STREAMING
from workers.bench.serving import NotServed, start, stop
from workers.settings import Settings

ROOT = "workers.bench.runtime"
"""The package in which the benchmark's context lies."""
READY_SECONDS = 180.0
STEP_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Side:
    """One way to serve the task."""

    name: str
    job_type: str
    command: tuple[str, ...]
    """What follows ``python -m``."""
    probed: bool
    """Whether it has `/readyz` and `/metrics`."""


def sides(settings: Settings) -> list[Side]:
    """All sides, in the order of their turns."""
    return [
        _ours(OURS, "one_task.act_once", settings),
        _plain(STREAMING, "bench.streaming", "--streaming"),
        _plain(POLLING, "bench.polling"),
        _ours(READING, "one_task.act_reading", settings),
    ]


def _ours(name: str, job_type: str, settings: Settings) -> Side:
    port = str(settings.ports.worker_metrics)
    command = ("workers", "worker", "run", job_type, "--root", ROOT, "--metrics-port", port)
    return Side(name, job_type, command, probed=True)


def _plain(name: str, job_type: str, *options: str) -> Side:
    return Side(name, job_type, (f"{ROOT}.plain", job_type, *options), probed=False)


class Worker:
    """A serving process."""

    def __init__(self, process: subprocess.Popen[bytes], settings: Settings) -> None:
        self.pid = process.pid
        self._process = process
        self._url = probe_url(settings)

    async def ready(self) -> None:
        """Wait until the worker, one of ours, says that its stream is open.

        Raises:
            NotServed: it ended, or is not ready within a minute.
        """
        end = time.monotonic() + READY_SECONDS
        async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
            while not await _ok(http, f"{self._url}/readyz"):
                self.require_alive()
                if time.monotonic() > end:
                    raise NotServed(f"The worker was not ready after {READY_SECONDS:.0f} s.")
                await asyncio.sleep(STEP_SECONDS)

    def require_alive(self) -> None:
        """Raise `NotServed` if the process ended."""
        if (code := self._process.poll()) is not None:
            raise NotServed(f"The serving process ended with code {code}; see {LOG} in the logs' folder.")

    def resident_mib(self) -> float:
        """Memory it holds now."""
        return float(psutil.Process(self.pid).memory_info().rss) / 2**20


LOG = "bench_serving.log"


@contextlib.asynccontextmanager
async def serving(side: Side, settings: Settings) -> AsyncIterator[Worker]:
    """A process that serves this side's task; stopped at the end."""
    folder = settings.home.absolute() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOG).open("ab") as log:
        process = start(side.command, log.fileno())
    try:
        worker = Worker(process, settings)
        yield worker
        worker.require_alive()
    finally:
        await asyncio.to_thread(stop, [process])


def probe_url(settings: Settings) -> str:
    """Where one of our workers shows itself."""
    return f"http://127.0.0.1:{settings.ports.worker_metrics}"


async def completed_jobs(http: httpx.AsyncClient, settings: Settings) -> int | None:
    """Jobs that our worker has completed since it started, as the engine confirmed them; None: it does not answer."""
    try:
        text = (await http.get(f"{probe_url(settings)}/metrics")).text
    except httpx.TransportError:
        return None
    return completed_in(text.splitlines())


def completed_in(lines: Sequence[str]) -> int:
    """Completed jobs in the metrics of one of our workers."""
    wanted = [one for one in lines if one.startswith("fairlead_jobs_finished_total{") and 'outcome="completed"' in one]
    return round(sum(float(line.rpartition(" ")[2]) for line in wanted))


async def _ok(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).is_success
    except httpx.TransportError:
        return False
