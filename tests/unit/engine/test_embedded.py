"""The embedded engine: start, time travel, user tasks, records; several engines in one process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyzeebe import ZeebeClient, create_insecure_channel

from workers.engine.embedded import EmbeddedEngine
from workers.engine.errors import NotRunningError

WAITING = Path(__file__).with_name("waiting.bpmn")


@pytest.fixture(scope="module")
def engine() -> Iterator[EmbeddedEngine]:
    with EmbeddedEngine() as running:
        yield running


@asynccontextmanager
async def client(engine: EmbeddedEngine) -> AsyncIterator[ZeebeClient]:
    channel = create_insecure_channel(engine.address)
    try:
        zeebe = ZeebeClient(channel)
        await zeebe.deploy_resource(WAITING)
        yield zeebe
    finally:
        await channel.close()


async def test_a_completed_user_task_continues_the_process(engine: EmbeddedEngine) -> None:
    async with client(engine) as zeebe:
        started = (await zeebe.run_process("waiting", {"lead": {"id": 7}})).process_instance_key
        await engine.until(lambda: engine.open_user_tasks(started), "the user task")
        (task,) = engine.open_user_tasks(started, "decide")
        assert task.candidate_groups == ("sales-ops",)
        assert task.due_date == datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
        assert task.variables == {"lead": {"id": 7}}

        engine.complete_user_task(task.key, {"answer": "yes ✓"})
        await engine.until(lambda: not engine.process_instances("waiting", active_only=True), "the end")
        assert engine.variables(started)["answer"] == "yes ✓"
        assert not engine.open_user_tasks(started)
        assert {e.element_id: e.state for e in engine.elements(started)}["done"] == "ELEMENT_COMPLETED"
        assert {"to_decide", "to_done"} <= engine.taken_flows("waiting")
        assert not engine.rejections()


async def test_threads_that_read_side_by_side_miss_no_record_and_take_none_in_twice(engine: EmbeddedEngine) -> None:
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            engine.open_user_tasks()

    async with client(engine) as zeebe:
        readers = [asyncio.create_task(asyncio.to_thread(read)) for _ in range(4)]
        try:
            await asyncio.gather(*(zeebe.run_process("waiting") for _ in range(30)))
        finally:
            ended.set()
            await asyncio.gather(*readers)
        await asyncio.to_thread(engine.wait_for_idle)
    positions = [record["position"] for record in engine.records()]
    assert positions == sorted(set(positions))


async def test_a_timer_fires_when_the_clock_is_moved(engine: EmbeddedEngine) -> None:
    async with client(engine) as zeebe:
        started = (await zeebe.run_process("waiting")).process_instance_key
        await engine.until(lambda: engine.open_user_tasks(started), "the user task")
        engine.increase_time(timedelta(hours=1, minutes=59))
        engine.wait_for_idle()
        assert engine.open_user_tasks(started)

        engine.increase_time(timedelta(minutes=1))
        await engine.until(lambda: not engine.open_user_tasks(started), "the timer")
        await engine.until(lambda: "given_up" in engine.completed_elements("waiting"), "the end")
        assert "to_given_up" in engine.taken_flows("waiting")


def test_an_unknown_user_task_is_named(engine: EmbeddedEngine) -> None:
    with pytest.raises(LookupError, match="key 42"):
        engine.complete_user_task(42)


async def test_engines_follow_each_other_and_share_nothing() -> None:
    for _ in range(2):
        with EmbeddedEngine() as engine:
            async with client(engine) as zeebe:
                await zeebe.run_process("waiting")
                await engine.until(engine.open_user_tasks, "the user task")
                assert len(engine.process_instances("waiting")) == 1
    with pytest.raises(NotRunningError):
        engine.increase_time(timedelta(hours=1))
