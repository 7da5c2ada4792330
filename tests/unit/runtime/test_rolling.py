"""A new version is rolled out under load: diagram, worker and dispatcher change, and every case is done exactly once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.unit.runtime.demo.cases import Cases
from tests.unit.runtime.demo.diagram import deploy, one_task
from tests.unit.runtime.demo.served import Serve
from tests.unit.runtime.demo.waiting import until
from workers.engine.embedded import EmbeddedEngine
from workers.runtime.zeebe import ZeebeClient

pytestmark = pytest.mark.slow

CASES = 40
"""Started at once before the change and after it: more than the old worker, with one slot, has done by then."""


def values(engine: EmbeddedEngine, kind: str, intent: str) -> list[dict[str, Any]]:
    return [
        record["value"]
        for record in engine.records()
        if (record["valueType"], record["intent"], record["recordType"]) == (kind, intent, "EVENT")
    ]


async def test_a_new_version_loses_and_doubles_nothing(
    serve: Serve, engine: EmbeddedEngine, client: ZeebeClient, cases: Cases
) -> None:
    async def start() -> set[int]:
        names = (f"c{len(instances) + number}" for number in range(CASES))
        return set(await asyncio.gather(*(client.start("rolled", {"case_id": name}) for name in names)))

    def ended() -> set[int]:
        found = values(engine, "PROCESS_INSTANCE", "ELEMENT_COMPLETED")
        return {one["processInstanceKey"] for one in found if one["bpmnElementType"] == "PROCESS"} & instances

    instances: set[int] = set()
    await deploy(client, {"rolled.bpmn": one_task("book", process_id="rolled")})
    async with (
        serve("flow.book", FAIRLEAD_WORKER__MAX_RUNNING_JOBS="1") as old_worker,
        serve("outbox") as old_dispatcher,
    ):
        await old_worker.said("stream_open")
        await old_dispatcher.said("dispatcher_started")
        instances |= await start()
        await deploy(client, {"rolled.bpmn": one_task("book", process_id="rolled", errors=("no_room",))})
        async with serve("flow.book") as worker, serve("outbox") as dispatcher:
            await dispatcher.said("dispatcher_started")
            instances |= await start()
            assert set(await asyncio.gather(old_worker.terminate(), old_dispatcher.terminate())) == {0}
            await until(lambda: ended() == instances, "all instances to end")
            await until(lambda: told(cases), "everything to be told")
            assert set(await asyncio.gather(worker.terminate(), dispatcher.terminate())) == {0}
    assert len(instances) == 2 * CASES
    jobs = [one for one in values(engine, "JOB", "COMPLETED") if one["processInstanceKey"] in instances]
    assert {one["processDefinitionVersion"] for one in jobs} == {1, 2}
    handed_back = [one for one in values(engine, "JOB", "FAILED") if one["processInstanceKey"] in instances]
    assert {one["retries"] for one in handed_back} <= {3}
    booked = await cases.rows("SELECT business_id, sum(change)::int FROM public.bookings GROUP BY 1")
    assert sorted(booked) == sorted((f"c{number}", 1) for number in range(2 * CASES))
    assert await cases.rows("SELECT max(times), count(*)::int FROM public.ledger") == [(1, 2 * CASES)]


async def told(cases: Cases) -> bool:
    return not await cases.rows("SELECT FROM runtime.outbox")
