"""Both ways of each task, in turns, on one stack.

By hand: our workers are stopped, and each step of the process is a script of its own that somebody starts when the one
before has ended; it works off the whole batch. Nobody's time between two scripts counts. Orchestrated: our workers run,
and take each step as soon as it can be taken; they have done the task once before, as they run for days, while a script
starts anew each time. Both count from asking for the work. Engine, database, task functions, their priority and data are
the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial

from workers.bench.cpu import warm_up
from workers.bench.lead_routing import unlimited_reps
from workers.bench.serving import programs, ready, rest
from workers.bench.study.cases import CASES, Asked, Case, NotDone, until
from workers.engine.politely import politely
from workers.engine.programs import FORECASTER_TASKS, PLANNER_TASKS, POLITE_NICE
from workers.engine.supervision import Supervisor
from workers.runtime.database import Pool, open_pool
from workers.runtime.deliveries import MESSAGES
from workers.runtime.zeebe.client import ZeebeClient
from workers.settings import Settings

SCRIPT = "workers.bench.study.script"
SERVING = ("worker", "scorer", "upkeep", "forecaster", "planner")
"""Names under the supervisor of all that serves tasks."""
PASSES = 6
"""Times that all scripts are run, as some steps come again."""
SECONDS = 900.0
ARRIVING_SECONDS = 1.0
"""Until what the engine was told of waits for the first script; not counted."""
WARM_UPS = 12

Tell = Callable[[str], None]


@dataclass
class Turn:
    """Seconds of both ways."""

    case: Case
    by_hand: list[float] = field(default_factory=list)
    orchestrated: list[float] = field(default_factory=list)
    scripts: int = 0
    """How many were run by hand, those that found nothing to do left out."""


async def bench(settings: Settings, cases: list[Case], rounds: int, tell: Tell) -> list[Turn]:
    """Both ways of all cases.

    Raises:
        NotDone: a task did not end.
    """
    pool = await open_pool(settings.dsn, min_size=1, max_size=4)
    turns = [Turn(case) for case in cases]
    try:
        async with unlimited_reps(pool):
            await _warm_up(settings, pool, CASES[0], tell)
            for _ in range(rounds):
                for turn in turns:
                    await _orchestrated(settings, pool, turn.case)  # its workers were started again for the turn before
                    await rest(settings, tell)
                    turn.orchestrated.append(await _orchestrated(settings, pool, turn.case))
                    tell(f"{turn.case.name}, orchestrated: {turn.orchestrated[-1]:.1f} s")
                    await rest(settings, tell)
                    async with _nobody_serves(settings):
                        seconds, turn.scripts = await _by_hand(settings, pool, turn.case)
                    turn.by_hand.append(seconds)
                    tell(f"{turn.case.name}, {turn.scripts} scripts by hand: {seconds:.1f} s")
    finally:
        await pool.close()
    return turns


async def _warm_up(settings: Settings, pool: Pool, case: Case, tell: Tell) -> None:
    """Until Java has compiled what is hot: at first its compilers take more of the machine than the work does."""

    async def once() -> None:
        await _orchestrated(settings, pool, case)
        await rest(settings, tell)

    await warm_up(programs(settings).get("camunda"), WARM_UPS, once, tell)


async def _orchestrated(settings: Settings, pool: Pool, case: Case) -> float:
    began = time.monotonic()
    asked = await case.start(settings, pool)
    if not await until(asked.finished, SECONDS):
        raise NotDone(f"{case.name}: the process was not through after {SECONDS:.0f} s. `fairlead status` says more.")
    seconds = time.monotonic() - began
    await _end(settings, pool, asked)
    return seconds


async def _by_hand(settings: Settings, pool: Pool, case: Case) -> tuple[float, int]:
    """Seconds of asking and of the scripts that found something to do, and how many those were."""
    began = time.monotonic()
    asked = await case.start(settings, pool)
    if not await until(partial(_told, pool), SECONDS):
        raise NotDone(
            f"{case.name}: the engine was not told of it within {SECONDS:.0f} s. `fairlead status` says more."
        )
    seconds, ran = time.monotonic() - began, 0
    await asyncio.sleep(ARRIVING_SECONDS)
    for _ in range(PASSES):
        for job_type in case.steps:
            began = time.monotonic()
            if await _script(job_type):
                seconds, ran = seconds + time.monotonic() - began, ran + 1
            if await asked.finished():
                await _end(settings, pool, asked)
                return seconds, ran
    raise NotDone(f"{case.name}: after {PASSES} passes of all scripts it was not through")


async def _told(pool: Pool) -> bool:
    """Whether the engine has every message."""
    async with pool.connection() as connection:
        found = await connection.execute("SELECT FROM runtime.outbox WHERE channel = %s LIMIT 1", (MESSAGES,))
        return found.rowcount == 0


async def _end(settings: Settings, pool: Pool, asked: Asked) -> None:
    """End the process of a case, so that what comes after the task burdens no other turn."""
    if asked.business_id is None:
        return
    async with pool.connection() as connection:
        found = await connection.execute(
            "SELECT DISTINCT process_instance_key FROM runtime.effects WHERE business_id = %s", (asked.business_id,)
        )
        keys = [row["process_instance_key"] for row in await found.fetchall()]
    async with ZeebeClient(settings) as engine:
        for key in keys:
            await engine.cancel(key)


async def _script(job_type: str) -> int:
    """Run one script; how many jobs it did."""
    command: tuple[str, ...] = (sys.executable, "-m", SCRIPT, job_type)
    if job_type in {*FORECASTER_TASKS, *PLANNER_TASKS}:  # as the process that serves it
        command = politely(command, POLITE_NICE)
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, errors = await process.communicate()
    if process.returncode:
        raise NotDone(f"the script of {job_type} failed with code {process.returncode}:\n{errors.decode()[-2_000:]}")
    return int(said.split()[-1])


@contextlib.asynccontextmanager
async def _nobody_serves(settings: Settings) -> AsyncIterator[None]:
    supervisor = Supervisor(settings.home)
    names = [name for name, state in supervisor.states().items() if name in SERVING and state.running]
    for name in names:
        await asyncio.to_thread(supervisor.stop, name)
    try:
        yield
    finally:
        for name in names:
            await asyncio.to_thread(supervisor.start, name)
        await ready(settings, names)
