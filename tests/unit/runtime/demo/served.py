"""A worker or dispatcher as a process of its own, to be stopped and killed."""

from __future__ import annotations

import asyncio
import json
import signal
from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.unit.runtime.demo.waiting import until


class Served:
    """A worker or dispatcher process and what it logged so far."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.logged: list[dict[str, Any]] = []
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            if line.startswith(b"{"):
                self.logged.append(json.loads(line))

    def actions(self) -> list[str]:
        return [record["action"] for record in self.logged]

    async def said(self, action: str) -> dict[str, Any]:
        await until(lambda: action in self.actions() or self.process.returncode is not None, f"{action} to be logged")
        return next(record for record in self.logged if record["action"] == action)

    async def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(self.process.wait(), 240)
        await self._reader
        return code


Serve = Callable[..., AbstractAsyncContextManager[Served]]
