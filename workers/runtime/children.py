"""A child process for one piece of heavy work. It ends with the work, whatever happened to either."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def child(module: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python module as a process, in a group of its own, with pipes; the group is ended with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
