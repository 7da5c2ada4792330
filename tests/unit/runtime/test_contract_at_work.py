"""What reaches a worker from the engine: the variables that the task's contract names, and no others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from tests.unit.runtime.demo.diagram import one_task
from tests.unit.runtime.demo.waiting import until
from workers.engine.embedded import EmbeddedEngine
from workers.runtime.feed import Feed
from workers.runtime.zeebe import ZeebeClient

Serving = Callable[..., AbstractAsyncContextManager[Feed]]


def fetched(engine: EmbeddedEngine, instance: int) -> list[dict[str, object]]:
    """The variables of each job of the instance, as the engine gave them away."""
    return [
        job["variables"]
        for record in engine.records()
        if (record["valueType"], record["intent"], record["recordType"]) == ("JOB_BATCH", "ACTIVATED", "EVENT")
        for job in record["value"]["jobs"]
        if job["processInstanceKey"] == instance
    ]


@pytest.mark.parametrize("before", [False, True], ids=["streamed", "polled"])
async def test_only_declared_variables_leave_the_engine(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, before: bool
) -> None:
    await client.deploy({"book.bpmn": one_task("book", errors=("no_room",))})
    given = {"case_id": "c1", "amount": 2}
    if before:
        instance = await client.start("run_book", given | {"salary": 90_000})
        engine.wait_for_idle()
    async with serving("book"):
        if not before:
            instance = await client.start("run_book", given | {"salary": 90_000})
        await until(lambda: engine.variables(instance).get("booked") == 2, "the job to be done")
    assert fetched(engine, instance) == [given]
