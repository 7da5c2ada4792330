"""Places at which a worker or dispatcher of a test dies by SIGKILL, or is held, at that very instruction."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
from typing import Any, Literal, NamedTuple

import structlog

from workers.runtime import unit
from workers.runtime.courier import Courier
from workers.runtime.zeebe import ZeebeClient

VARIABLE = "FAULT_POINT"
"""Environment variable of a process: the name of a point, for instance ``after_commit``, or ``after_commit:hold``."""

log = structlog.get_logger()


class Point(NamedTuple):
    """Before or after a call of an async function."""

    owner: Any  # a class or a module
    function: str
    when: Literal["before", "after"]


POINTS = {
    "before_effect": Point(unit, "_call", "before"),
    "after_effect": Point(unit, "_run_once", "after"),
    "after_commit": Point(ZeebeClient, "complete", "before"),
    "after_complete": Point(ZeebeClient, "complete", "after"),
    "before_sending": Point(Courier, "send", "before"),
    "after_sending": Point(Courier, "_delivered", "before"),
    "after_taking_out": Point(Courier, "_delivered", "after"),
}


def arm(wanted: str) -> None:
    """Let this process die the first time it comes to the point; with ``:hold`` it stays there until SIGUSR1."""
    name, _, hold = wanted.partition(":")
    point = POINTS[name]
    original = getattr(point.owner, point.function)
    go_on = asyncio.Event()

    async def stop_here() -> None:
        if not hold:
            os.kill(os.getpid(), signal.SIGKILL)
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, go_on.set)
        log.warning("held", action="held")
        await go_on.wait()

    @functools.wraps(original)
    async def meddled(*arguments: Any, **named: Any) -> Any:
        if point.when == "before":
            await stop_here()
        answer = await original(*arguments, **named)
        if point.when == "after":
            await stop_here()
        return answer

    setattr(point.owner, point.function, meddled)
