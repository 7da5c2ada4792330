"""What reaches a worker from the engine: the variables that the task's contract names, and no others."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from tests.unit.runtime.demo.diagram import one_task
from tests.unit.runtime.demo.waiting import until
from workers.engine.embedded import EmbeddedEngine
from workers.runtime.feed import Feed
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import Job
from workers.settings import Settings, Zeebe

Serving = Callable[..., AbstractAsyncContextManager[Feed]]


class Watched(ZeebeClient):
    """The real client, which notes what the engine gave."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.streamed: list[dict[str, object]] = []
        self.polled: list[dict[str, object]] = []

    async def stream(self, *arguments: Any, **options: Any) -> AsyncGenerator[Job]:
        async with contextlib.aclosing(super().stream(*arguments, **options)) as jobs:
            async for job in jobs:
                self.streamed.append(dict(job.variables))
                yield job

    async def activate(self, *arguments: Any, **options: Any) -> list[Job]:
        jobs = await super().activate(*arguments, **options)
        self.polled += [dict(job.variables) for job in jobs]
        return jobs


@pytest.mark.parametrize("early", [False, True], ids=["streamed", "polled"])
async def test_only_declared_variables_leave_the_engine(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, early: bool
) -> None:
    """A job from before the stream is polled, a later one streamed."""
    await client.deploy({"book.bpmn": one_task("book", errors=("no_room",))})
    declared = {"case_id": "c1", "amount": 2}
    given = declared | {"salary": 90_000}
    instances = [await client.start("run_book", given)] if early else []
    engine.wait_for_idle()
    async with Watched(Settings(zeebe=Zeebe(address=engine.address))) as watched, serving("book", using=watched):
        if not early:
            instances = [await client.start("run_book", given)]
        await until(lambda: engine.variables(instances[0]).get("booked") == 2, "the job to be done")
    assert watched.polled + watched.streamed == [declared]
