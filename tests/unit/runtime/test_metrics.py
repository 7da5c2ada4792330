"""What a worker and a dispatcher count, with real jobs and rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
import structlog
from prometheus_client import REGISTRY
from psycopg.conninfo import make_conninfo

from tests.unit.runtime.demo.cases import Cases
from tests.unit.runtime.demo.diagram import one_task
from tests.unit.runtime.demo.waiting import until
from workers.engine.embedded import EmbeddedEngine
from workers.runtime import outbox
from workers.runtime.database import Pool, open_pool
from workers.runtime.dispatcher import Dispatcher
from workers.runtime.errors import RateLimited
from workers.runtime.feed import Feed
from workers.runtime.outbox import OutboxRow
from workers.runtime.zeebe import ZeebeClient

TASK = "flow.book"


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"fairlead_{name}", labels) or 0.0


def outcomes() -> dict[str, float]:
    found = [sample for metric in REGISTRY.collect() for sample in metric.samples]
    return {
        sample.labels["outcome"]: sample.value
        for sample in found
        if sample.name == "fairlead_jobs_finished_total" and sample.labels["task"] == TASK
    }


async def test_every_job_started_is_counted_once_with_its_outcome(
    engine: EmbeddedEngine,
    client: ZeebeClient,
    serving: Callable[..., AbstractAsyncContextManager[Feed]],
    cases: Cases,
) -> None:
    await client.deploy({"book.bpmn": one_task("book", errors=("no_room",))})
    cases.resources.cache["modes"] = ["transient", "limited", "ok", "down", "no_room", "permanent"]
    before, started = outcomes(), value("jobs_started_total", task=TASK)
    timed, repeated = value("job_seconds_count", task=TASK), value("jobs_repeated_total", task=TASK)
    failures, waits = (value("jobs_retried_total", task=TASK, reason=why) for why in ("failure", "dependency_down"))

    def ended(instance: int) -> bool:
        return any(one.key == instance and one.state == "ELEMENT_COMPLETED" for one in engine.elements(instance))

    async with serving("book") as feed:
        for case_id in ("c1", "c2", "c1"):
            instance = await client.start("run_book", {"case_id": case_id})
            await until(lambda key=instance: ended(key), "the instance to end")  # type: ignore[misc]  # a lambda's default has no type
        instance = await client.start("run_book", {"case_id": "c3"})
        await until(lambda: engine.incidents(instance), "an incident")
        await until(lambda: not feed.running, "all jobs to be answered")
    after = outcomes()
    gained = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    assert gained == {"retry": 3, "completed": 2, "business_error": 1, "incident": 1}
    assert value("jobs_started_total", task=TASK) - started == value("job_seconds_count", task=TASK) - timed == 7
    assert value("jobs_retried_total", task=TASK, reason="failure") - failures == 2
    assert value("jobs_retried_total", task=TASK, reason="dependency_down") - waits == 1
    assert value("jobs_repeated_total", task=TASK) - repeated == 1
    assert value("jobs_running") == 0
    await client.cancel(instance)


async def test_what_waits_is_counted_again_after_a_failure(
    pool: Pool, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.runtime.dispatcher.WATCH_SECONDS", 0.02)
    books = await open_pool(make_conninfo(dsn, options="-c lock_timeout=20ms"), autocommit=True)
    dispatcher = Dispatcher(dsn, books, {})
    with structlog.testing.capture_logs() as logged:
        running = asyncio.create_task(dispatcher.run())
        async with pool.connection() as connection:
            await connection.execute("LOCK TABLE runtime.outbox")
            await until(lambda: any(one["action"] == "chore_put_off" for one in logged), "the counting to fail")
            await outbox.put(connection, "unserved", "k", "k/1", {})
        await until(lambda: value("outbox_rows", channel="unserved") == 1, "the row to be counted")
    dispatcher.stop()
    await running
    await books.close()


async def test_rows_that_wait_and_deliveries_are_counted_by_channel(pool: Pool, dsn: str) -> None:
    channel, misses = "counted", 2
    async with pool.connection() as connection:
        await outbox.put(connection, channel, "k", "k/1", {})
        await outbox.put(connection, channel, "k", "k/2", {})
        await connection.execute("UPDATE runtime.outbox SET created_at = now() - interval '1 minute'")

    async def deliver(_: OutboxRow) -> None:
        nonlocal misses
        if misses:
            misses -= 1
            raise RateLimited("Wait.", retry_after=0.3)

    dispatcher = Dispatcher(dsn, pool, {channel: deliver}, poll_seconds=0.05)
    running = asyncio.create_task(dispatcher.run())
    await until(lambda: value("outbox_rows", channel=channel) == 2, "the waiting rows to be counted")
    assert 60 <= value("outbox_lag_seconds", channel=channel) < 300
    await until(lambda: value("outbox_sent_total", channel=channel) == 2, "both to be sent")
    dispatcher.stop()
    await running
    assert value("outbox_retried_total", channel=channel) == 2
    assert value("outbox_seconds_count", channel=channel) == 2
    assert value("outbox_seconds_sum", channel=channel) >= 120
