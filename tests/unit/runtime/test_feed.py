"""Jobs that wait, on a real engine: who is next after an outage, what is handed back, and what back-pressure does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from tests.unit.runtime.demo.cases import Cases
from tests.unit.runtime.demo.diagram import one_task
from tests.unit.runtime.demo.door import Door
from tests.unit.runtime.demo.waiting import until
from workers.engine.embedded import EmbeddedEngine
from workers.runtime import feed as feed_module
from workers.runtime.feed import Feed
from workers.runtime.zeebe import ZeebeClient
from workers.settings import Settings, Zeebe

Serving = Callable[..., AbstractAsyncContextManager[Feed]]


def shown(metric: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"fairlead_{metric}", labels) or 0.0


def waiting(origin: str, task: str = "flow.call") -> float:
    return shown("jobs_waiting", task=task, origin=origin)


async def start(client: ZeebeClient, ids: list[str], **variables: Any) -> list[int]:
    return list(await asyncio.gather(*(client.start("run_call", {"case_id": one, **variables}) for one in ids)))


def ended(engine: EmbeddedEngine, instances: list[int]) -> bool:
    done = {one.key for one in engine.process_instances("run_call") if one.state == "ELEMENT_COMPLETED"}
    return done.issuperset(instances)


@contextmanager
def closed(cases: Cases) -> Iterator[list[str]]:
    """Jobs that start wait at a gate; it opens at the end."""
    cases.resources.cache["gate"] = gate = asyncio.Event()
    order: list[str] = []
    cases.resources.cache["order"] = order
    yield order
    gate.set()


async def test_backlog_drains_fairly_beside_new_jobs_and_urgent_ones_go_first(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, cases: Cases
) -> None:
    await client.deploy({"call.bpmn": one_task("call")})
    old, new = [f"old-{number}" for number in range(200)], [f"new-{number}" for number in range(30)]
    urgent = [f"urgent-{number}" for number in range(5)]
    soon = (datetime.now(UTC) + timedelta(minutes=10)).isoformat()
    instances = await start(client, old, seconds=0.02)
    with closed(cases) as order:
        async with serving("call", max_running=4):
            await until(lambda: waiting("found") >= 60, "old jobs to be found")
            instances += await start(client, new, seconds=0.02)
            instances += await start(client, urgent, seconds=0.02, due_at=soon)
            await until(lambda: waiting("pushed") == 35, "the new jobs to be pushed")
            assert len(order) == 4
            cases.resources.cache["gate"].set()
            await until(lambda: ended(engine, instances), "all instances to end", 60)
    assert sorted(order) == sorted(old + new + urgent)  # none lost, none twice
    place = {one: number for number, one in enumerate(order)}
    # Four ran already, one choice in four is left to the others, and of four that start one may overtake another.
    assert max(place[one] for one in urgent) < 4 + 6 + 4
    beside = order[14 : 14 + 32]
    assert 5 <= sum(one in old for one in beside) <= 12  # one in four


async def test_stopping_hands_back_what_waits_with_its_retries(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, cases: Cases
) -> None:
    await client.deploy({"call.bpmn": one_task("call")})
    ids = [f"c{number}" for number in range(30)]
    instances = await start(client, ids)
    with closed(cases) as order:
        async with serving("call", max_running=2, drain=0.1):
            await until(lambda: waiting("found") == 28, "all jobs to be found")
        handed_back = [
            record["value"]
            for record in engine.records()
            if record["valueType"] == "JOB"
            and (record["intent"], record["recordType"]) == ("FAILED", "EVENT")
            and record["value"]["processInstanceKey"] in instances
        ]
    assert len(order) == 2
    assert {failure["processInstanceKey"] for failure in handed_back} == set(instances)
    assert {failure["retries"] for failure in handed_back} == {3}
    assert waiting("found") == 0
    async with serving("call", max_running=8):
        await until(lambda: ended(engine, instances), "all instances to end")
    assert sorted(order[2:]) == sorted(ids)


async def test_jobs_that_wait_keep_their_time(
    engine: EmbeddedEngine,
    client: ZeebeClient,
    serving: Serving,
    cases: Cases,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed_module, "KEEP_SECONDS", 0.05)
    monkeypatch.setattr(feed_module, "KEEP_SHARE", 0.01)
    await client.deploy({"call.bpmn": one_task("call")})
    instances = await start(client, ["a", "b", "c"])
    with closed(cases) as order:
        async with serving("call", max_running=1):
            await until(lambda: waiting("found") == 2, "two jobs to wait")
            await until(lambda: extended(engine, instances) == 2, "both to be given more time")
            cancelled = next(key for key in instances if not started(engine, key, order))
            await client.cancel(cancelled)
            await until(lambda: waiting("found") == 1, "the cancelled one to be let go")
            cases.resources.cache["gate"].set()
            await until(lambda: len(order) == 2, "the others to run")


def extended(engine: EmbeddedEngine, instances: list[int]) -> int:
    return len(
        {
            record["key"]
            for record in engine.records()
            if (record["valueType"], record["intent"]) == ("JOB", "TIMEOUT_UPDATED")
            and record["value"]["processInstanceKey"] in instances
        }
    )


def started(engine: EmbeddedEngine, instance: int, order: list[str]) -> bool:
    return engine.variables(instance)["case_id"] in order


async def test_back_pressure_lowers_the_limit_drops_nothing_and_passes(
    engine: EmbeddedEngine, serving: Serving, cases: Cases
) -> None:
    def limit() -> float:
        return shown("worker_limit", task="all")

    pressed = True
    async with Door(engine.address, busy=lambda method: pressed and method == "CompleteJob") as door:
        settings = Settings(zeebe=Zeebe(address=f"127.0.0.1:{door.port}"))
        async with ZeebeClient(settings) as client, serving("call", max_running=8, using=client) as feed:
            await client.deploy({"call.bpmn": one_task("call")})
            assert limit() == 8
            ids = [f"c{number}" for number in range(40)]
            instances = await start(client, ids)
            await until(lambda: limit() <= 2, "the limit to fall")
            assert len(feed.running) <= 8
            pressed = False
            while limit() < 8:
                more = [f"more-{len(instances) + number}" for number in range(16)]
                ids += more
                instances += await start(client, more, seconds=0.01)
            await until(lambda: ended(engine, instances), "all instances to end", 60)
    assert door.refused > 0
    assert sorted(cases.resources.cache["order"]) == sorted(ids)
