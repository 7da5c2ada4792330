"""A worker to which every job comes twice: `python -m workers.chaos.serving worker run …` is `fairlead worker run …`.

The doubling sits where jobs arrive (`ZeebeClient.stream` and `.activate`), so that the production code is what runs
behind it. The process writes its log to a file of its own, named by FAIRLEAD_CHAOS_LOG: so a disk can be full for it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from workers import __main__ as command
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import Job

LOG = "FAIRLEAD_CHAOS_LOG"


def double() -> None:
    """From now on every client of this process delivers each job twice."""
    stream, activate = ZeebeClient.stream, ZeebeClient.activate

    async def stream_twice(self: ZeebeClient, job_type: str, **options: Any) -> AsyncGenerator[Job]:  # noqa: ANN401 - passed on
        jobs = stream(self, job_type, **options)
        try:
            async for job in jobs:
                yield job
                yield job
        finally:
            await jobs.aclose()

    async def activate_twice(
        self: ZeebeClient,
        job_type: str,
        *,
        at_most: int,
        **options: Any,  # noqa: ANN401 - passed on
    ) -> Sequence[Job]:
        jobs = await activate(self, job_type, at_most=max(1, at_most // 2), **options)
        return [job for job in jobs for _ in range(2)]

    vars_of: Any = ZeebeClient
    vars_of.stream, vars_of.activate = stream_twice, activate_twice


def own_log() -> None:
    """Write standard output and error to the file that the environment names, if it names one."""
    name = os.environ.get(LOG)
    if name:
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.close(file)


if __name__ == "__main__":
    own_log()
    double()
    command.main()
