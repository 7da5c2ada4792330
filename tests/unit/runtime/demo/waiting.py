from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], object | Awaitable[object]], what: str, within: float = 240.0) -> None:
    """Let the event loop go on until the condition holds; fail with `what` if it takes too long."""
    end = time.monotonic() + within
    while True:
        holds = condition()
        if inspect.isawaitable(holds):
            holds = await holds
        if holds:
            return
        assert time.monotonic() < end, f"waited {within} s in vain: {what}"
        await asyncio.sleep(0.01)
