"""A job is held while its task works on it, and work on a job that is gone is stopped; on a real engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.runtime.demo.cases import ROOT, Cases
from tests.unit.runtime.demo.diagram import one_task
from tests.unit.runtime.demo.waiting import until
from workers.engine.embedded import EmbeddedEngine
from workers.runtime import discovery, holding, task
from workers.runtime.feed import Feed
from workers.runtime.zeebe import ZeebeClient

Serving = Callable[..., AbstractAsyncContextManager[Feed]]


@pytest.fixture(autouse=True)
def long_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """`book` may take an hour, and its jobs are extended several times a second."""
    spec = discovery.find("flow.book", ROOT)
    monkeypatch.setitem(task.REGISTRY, spec.job_type, replace(spec, timeout_seconds=3600))
    monkeypatch.setattr(holding, "SHARE", 0.005)


def jobs(engine: EmbeddedEngine, instance: int, intent: str) -> int:
    return sum(
        record["valueType"] == "JOB"
        and record["intent"] == intent
        and record["recordType"] == "EVENT"
        and record["value"]["processInstanceKey"] == instance
        for record in engine.records()
    )


async def test_it_is_not_given_to_another_worker_while_it_is_worked_on(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, cases: Cases
) -> None:
    cases.resources.cache["gate"] = gate = asyncio.Event()
    await client.deploy({"book.bpmn": one_task("book")})
    async with serving("book"):
        instance = await client.start("run_book", {"case_id": "c1"})
        await until(lambda: cases.resources.cache.get("runs"), "the job to run")
        for _ in range(3):  # each time less than the job's time, together more
            extended = jobs(engine, instance, "TIMEOUT_UPDATED")
            engine.increase_time(timedelta(seconds=25))
            await until(lambda: jobs(engine, instance, "TIMEOUT_UPDATED") > extended + 1, "more time")  # noqa: B023 - called before the next turn
        gate.set()
        await until(lambda: jobs(engine, instance, "COMPLETED"), "the job to be completed")
    assert jobs(engine, instance, "TIMED_OUT") == 0
    assert cases.resources.cache["runs"] == 1


async def test_the_job_of_a_dead_worker_comes_back_long_before_the_task_would_be_over(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, cases: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "SHARE", 1000)  # as if it were dead: it extends nothing
    cases.resources.cache["gate"] = gate = asyncio.Event()
    await client.deploy({"book.bpmn": one_task("book")})
    async with serving("book"):
        instance = await client.start("run_book", {"case_id": "c1"})
        await until(lambda: cases.resources.cache.get("runs"), "the job to run")
        engine.increase_time(timedelta(seconds=50))
        await until(lambda: jobs(engine, instance, "TIMED_OUT"), "the job to be free again")
        gate.set()
        await until(lambda: jobs(engine, instance, "COMPLETED"), "the job to be completed")
    assert await cases.booked() == 1


async def test_work_on_a_job_that_the_engine_ended_is_stopped_and_leaves_nothing(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, cases: Cases
) -> None:
    cases.resources.cache["gate"] = asyncio.Event()  # never opened: only being stopped ends the task
    await client.deploy({"book.bpmn": one_task("book")})
    async with serving("book") as feed:
        instance = await client.start("run_book", {"case_id": "c1"})
        await until(lambda: cases.resources.cache.get("runs"), "the job to run")
        await client.cancel(instance)
        await until(lambda: not feed.running, "the work to be stopped")
        assert await cases.booked() == 0
        assert await cases.rows("SELECT gone_at IS NOT NULL FROM runtime.deliveries") == [(True,)]
    assert await cases.rows("SELECT FROM runtime.effects") == []


async def test_work_on_a_job_that_somebody_else_gave_back_is_stopped_and_done_when_it_comes_again(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, cases: Cases
) -> None:
    cases.resources.cache["gate"] = gate = asyncio.Event()
    await client.deploy({"book.bpmn": one_task("book")})
    async with serving("book") as feed:
        instance = await client.start("run_book", {"case_id": "c1"})
        await until(lambda: cases.resources.cache.get("runs"), "the job to run")
        (key,) = (
            record["key"]
            for record in engine.records()
            if (record["valueType"], record["intent"]) == ("JOB", "CREATED")
            and record["value"]["processInstanceKey"] == instance
        )
        await client.fail(key, retries=3, message="A worker that had it before.", back_off_seconds=60)
        await until(lambda: not feed.running, "the work to be stopped")
        assert await cases.rows("SELECT gone_at, deliveries FROM runtime.deliveries") == [(None, 0)]
        gate.set()
        engine.increase_time(timedelta(seconds=61))
        await until(lambda: jobs(engine, instance, "COMPLETED"), "the job to be completed")
    assert await cases.booked() == 1
