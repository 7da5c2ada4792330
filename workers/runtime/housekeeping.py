"""What a dispatcher does now and then beside sending: orphaned effects, and rows that have had their time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import psycopg
import structlog

from workers.runtime import metrics
from workers.runtime.errors import Unreachable

log = structlog.get_logger()

Chore = Callable[[], Awaitable[int]]
"""Does a part of the work; 0 when there is nothing left for now."""


async def regularly(name: str, seconds: float, chore: Chore) -> None:
    """Do a chore until cancelled: at once again while there is work, else after about so many seconds.

    The database and the engine may be away for a while; a defect is logged and counted.
    """
    while True:
        done = 0
        try:
            done = await chore()
        except (psycopg.OperationalError, Unreachable) as error:
            log.info("chore put off", action="chore_put_off", chore=name, reason=type(error).__name__)
        except Exception:  # a defect here must not stop the sending
            metrics.CHORES_FAILED.labels(name).inc()
            log.exception("defect in a chore", action="chore_defect", chore=name)
        if done:
            log.info("chore done", action="chore_done", chore=name, number=done)
        await asyncio.sleep((0.2 if done else seconds) * random.uniform(0.8, 1.2))  # noqa: S311 - not all at once
