"""Sample work: leads at a visible rate, and people who answer them, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

import psycopg
import structlog

from workers.runtime.database import Pool, open_pool
from workers.runtime.housekeeping import asked_to_stop
from workers.sample.behaviour import LEFT_ALONE
from workers.sample.board import camunda_board
from workers.sample.door import Door, client
from workers.sample.feeding import feed, next_index
from workers.sample.leads import LeadSource
from workers.sample.organisation import accounts
from workers.sample.people import People
from workers.settings import Settings

log = structlog.get_logger()
DATABASE_PAUSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do."""

    rate_per_minute: float
    seed: int
    people: bool = True
    left_alone: int = LEFT_ALONE
    """Newest tasks of each group that are left for a person."""


async def run(settings: Settings, plan: Plan) -> None:
    """Feed leads and let people answer until SIGTERM or SIGINT; waits for whatever is not there yet."""
    stop = asked_to_stop()
    working = asyncio.create_task(_work(settings, plan))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
    log.info("sample work stopped", action="sample_stopped")


async def _work(settings: Settings, plan: Plan) -> None:
    source = LeadSource(plan.seed, accounts(plan.seed))
    pool = await open_pool(settings.dsn, min_size=1, max_size=4)
    try:
        async with client(settings) as http, camunda_board(settings) as board, asyncio.TaskGroup() as group:
            door = Door(http)
            start = await _start(pool, source)
            log.info("sample work starts", action="sample_started", rate_per_minute=plan.rate_per_minute, first=start)
            group.create_task(feed(door, source, start, rate_per_minute=plan.rate_per_minute, seed=plan.seed))
            if plan.people:
                people = People(board, pool, door, plan.seed, source.prefix, plan.left_alone)
                group.create_task(people.live())
    finally:
        await pool.close()


async def _start(pool: Pool, source: LeadSource) -> int:
    """Where to go on; waits for the database and its tables."""
    while True:
        try:
            return await next_index(pool, source)
        except (psycopg.OperationalError, psycopg.errors.UndefinedTable) as error:
            log.info("waiting for the database", action="sample_waits", reason=type(error).__name__)
        await asyncio.sleep(DATABASE_PAUSE_SECONDS)
