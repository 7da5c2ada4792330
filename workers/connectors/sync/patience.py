"""Asking a system for hours: short pauses and failures are waited for, long ones are told to whoever asked for the work."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from workers.connectors.answers import SystemConflict, SystemDown, SystemPause

T = TypeVar("T")

TRIES = 6
FIRST_SECONDS = 0.5
LONGEST_SECONDS = 60.0
"""A longer pause (the day's limit, a refused log-in) is not waited for: the work goes on later from where it is."""


class Patience(Protocol):
    """How a system is asked."""

    def __call__(self, ask: Callable[[], Awaitable[T]]) -> Awaitable[T]:
        """Ask it."""
        ...


async def at_once(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask, once: whoever asked for the work tries again by itself, as a delivery is."""
    return await ask()


async def patiently(ask: Callable[[], Awaitable[T]], *, failures: int = TRIES, longest: float = LONGEST_SECONDS) -> T:
    """Ask, and ask again; back-off is exponential with full jitter (AWS, Brooker 2015).

    Raises:
        SystemPause: a pause of more than `longest` seconds is asked for, or a short one again and again.
        SystemDown, SystemConflict: no usable answer for so many times as `failures` says.
    """
    for tried in range(1, TRIES + 1):
        try:
            return await ask()
        except SystemPause as pause:
            if pause.retry_after > longest or tried == TRIES:
                raise
            seconds = pause.retry_after
        except (SystemDown, SystemConflict):
            if tried >= failures:
                raise
            seconds = random.uniform(0, FIRST_SECONDS * 2**tried)  # noqa: S311 - not all at once
        await asyncio.sleep(seconds)
    raise AssertionError("the last try returns or raises")
