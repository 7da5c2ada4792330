"""What a process does beside its work: chores now and then, ending tasks, stopping when it is asked to."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import psycopg
import structlog

from workers.runtime import metrics
from workers.runtime.errors import Unreachable

log = structlog.get_logger()

AGAIN_SECONDS = 0.5
"""So long after a cancellation a task that still runs is cancelled again."""

Chore = Callable[[], Awaitable[int]]
"""Does a part of the work; 0 when there is nothing left for now."""


def asked_to_stop() -> asyncio.Event:
    """Set once this process gets SIGTERM or SIGINT; call it in the event loop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def ended(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel tasks until they have ended, whatever they ended with.

    Before Python 3.12 `asyncio.wait_for`, which psycopg's pool uses, loses a cancellation that comes together with its
    result (https://github.com/python/cpython/issues/86296); so once is not always enough.
    """
    tasks = tuple(tasks)
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)  # else asyncio complains of failures that nobody took


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


@contextlib.asynccontextmanager
async def beside(*chores: tuple[str, float, Chore]) -> AsyncIterator[None]:
    """Do chores `regularly`, each by its name and its seconds, as long as the block runs."""
    tasks = [asyncio.create_task(regularly(*one)) for one in chores]
    try:
        yield
    finally:
        await ended(tasks)
