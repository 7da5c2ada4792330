"""Who serves the jobs while the benchmark runs: our workers under the supervisor, or plain pyzeebe in their place."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path

import httpx

from workers.bench.cpu import snapshot, usage
from workers.engine.supervision import Supervisor
from workers.runtime.discovery import all_job_types
from workers.settings import Settings

SCORING = "lead_routing.score_lead"
OURS = ("worker", "scorer")
"""Names of our worker processes under the supervisor; plain pyzeebe gets as many processes, divided the same way."""
PLAIN = "workers.bench.plain_polling"
READY_SECONDS = 180.0
RESTING_CORES, REST_STEP_SECONDS, REST_SECONDS = 0.3, 5.0, 240.0
"""The stack rests when all of it together keeps less than so many cores busy for one step."""
STOP_SECONDS = 30.0


class NotServed(Exception):
    """The workers are not as the benchmark needs them; the message says what to do."""


def division() -> list[list[str]]:
    """The job types of each worker process: all but scoring, and scoring."""
    return [[job_type for job_type in all_job_types() if job_type != SCORING], [SCORING]]


@contextlib.asynccontextmanager
async def plain_polling(settings: Settings, log: Path) -> AsyncIterator[dict[str, int]]:
    """Stop our workers, let plain pyzeebe serve, and put ours back afterwards; gives the process ids by name.

    Raises:
        NotServed: our workers do not run under the supervisor of these settings.
    """
    supervisor = Supervisor(settings.home)
    missing = [name for name in OURS if not (state := supervisor.states().get(name)) or not state.running]
    if missing:
        raise NotServed(
            f"{' and '.join(missing)} do not run under the supervisor of {settings.home}, so that nothing can take "
            "their place. Run `fairlead up` first, or measure without the alternative (--no-alternative)."
        )
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for name in OURS:
            await asyncio.to_thread(supervisor.stop, name)
        with log.open("ab") as file:
            processes += [start((PLAIN, *job_types), file.fileno()) for job_types in division()]
        yield {f"{name} (plain)": process.pid for name, process in zip(OURS, processes, strict=True)}
        died = [process.returncode for process in processes if process.poll() is not None]
        if died:
            raise NotServed(f"Plain pyzeebe ended with code {died[0]} while it was measured; see {log}.")
    finally:
        await asyncio.to_thread(stop, processes)
        for name in OURS:
            supervisor.start(name)
        await ready(settings)


def programs(settings: Settings) -> dict[str, int]:
    """Process ids of the programs that the supervisor runs, by name; empty if there is no supervisor."""
    return {name: state.pid for name, state in Supervisor(settings.home).states().items() if state.running}


async def rest(settings: Settings, tell: Callable[[str], object]) -> None:
    """Wait until the stack rests: what a run leaves to exporter, importers and OpenSearch would burden the next one."""
    end, busy = time.monotonic() + REST_SECONDS, float("inf")
    while busy > RESTING_CORES:
        if time.monotonic() > end:
            tell(f"the stack still keeps {busy:.1f} cores busy after {REST_SECONDS:.0f} s; the next run bears it")
            return
        before = snapshot(programs(settings))
        await asyncio.sleep(REST_STEP_SECONDS)
        used = usage(before, snapshot(programs(settings)))
        busy = sum(seconds for name, seconds in used.programs.items() if name != "bench") / used.seconds


async def ready(settings: Settings, names: Iterable[str] = OURS) -> None:
    """Wait until our workers have all their streams open; by default those that serve leads.

    Raises:
        NotServed: not within three minutes.
    """
    await answering([f"http://127.0.0.1:{getattr(settings.ports, f'{name}_metrics')}/readyz" for name in names])


async def answering(urls: Sequence[str]) -> None:
    """Wait until programs say at these addresses that they are ready.

    Raises:
        NotServed: not within three minutes.
    """
    deadline = time.monotonic() + READY_SECONDS
    async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
        while True:
            late = [url for url in urls if not await _ok(http, url)]
            if not late:
                return
            if time.monotonic() > deadline:
                raise NotServed(f"Not ready: {', '.join(late)}. `fairlead status` says more.")
            await asyncio.sleep(0.25)


async def _ok(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).is_success
    except httpx.TransportError:
        return False


def start(arguments: Sequence[str], log: int) -> subprocess.Popen[bytes]:
    """Start ``python -m`` with these arguments; what it says goes to the file descriptor `log`."""
    return subprocess.Popen([sys.executable, "-m", *arguments], stdout=log, stderr=log)


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask processes to end, and kill those that are not gone after half a minute."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()  # pyzeebe waits for its long poll; jobs it held time out and come again
            process.wait()
