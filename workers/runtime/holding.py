"""Holds a job while its task works on it: its time-out is short and extended again and again, so that the job of a dead
worker is soon given to another one; and work on a job that the engine ended meanwhile is stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from workers.runtime import metrics
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import EngineBusy, JobGone, Refused

log = structlog.get_logger()

SHARE = 1 / 3
"""A job is extended after this part of its time, so that two extensions may fail before it is lost."""


@asynccontextmanager
async def held(client: ZeebeClient, job_key: int, seconds: float) -> AsyncIterator[None]:
    """Keep a job, whose time-out is so many seconds, for as long as the block runs.

    Raises:
        JobGone: the engine ended the job, for instance because its instance was withdrawn; the block was cancelled.
    """
    work = asyncio.current_task()
    assert work is not None  # a coroutine runs in a task
    lost: JobGone | None = None

    async def keep() -> None:
        nonlocal lost
        while True:
            await asyncio.sleep(seconds * SHARE)
            try:
                await client.extend(job_key, seconds)
            except JobGone as gone:
                lost = gone
                work.cancel()
                return
            except (EngineBusy, Refused) as error:
                log.info("job not extended", action="extend_failed", job_key=job_key, reason=str(error))
            else:
                metrics.JOBS_HELD.inc()

    keeper = asyncio.create_task(keep())
    try:
        yield
    except asyncio.CancelledError:
        if lost is None or work.uncancel() > 0:  # somebody else wants it to end, too
            raise
        log.info("stopped: the engine has ended its job", action="job_lost", job_key=job_key)
        raise lost from None
    finally:
        keeper.cancel()
