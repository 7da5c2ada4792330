"""Circuit breakers: when they open and close, and that a job waits for a dependency without using up tries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from prometheus_client import REGISTRY

from tests.unit.runtime.demo.cases import Cases
from tests.unit.runtime.demo.diagram import one_task
from tests.unit.runtime.demo.waiting import until
from workers.engine.embedded import EmbeddedEngine
from workers.runtime.breaker import Breaker
from workers.runtime.errors import DependencyDown
from workers.runtime.feed import Feed
from workers.runtime.zeebe import ZeebeClient


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("demo", failures=3, rest_seconds=2, longest_rest_seconds=5, clock=clock)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(OSError, match="away"), breaker.guard(OSError):
            raise OSError("away")


def shown() -> float | None:
    return REGISTRY.get_sample_value("fairlead_breaker_state", {"dependency": "demo"})


def test_opens_after_failures_in_a_row_only(breaker: Breaker) -> None:
    fail(breaker, 2)
    with breaker.guard(OSError):
        pass
    fail(breaker, 2)
    with pytest.raises(KeyError), breaker.guard(OSError):
        raise KeyError  # it answered, if not as hoped
    fail(breaker, 2)
    assert breaker.state == "closed"
    fail(breaker)
    assert (breaker.state, shown()) == ("open", 2)
    with pytest.raises(DependencyDown) as caught, breaker.guard(OSError):
        raise AssertionError("called all the same")
    assert caught.value.retry_after == 2


def test_one_probe_at_a_time_closes_or_opens_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 2.1
    with breaker.guard(OSError):
        assert shown() == 1
        with pytest.raises(DependencyDown), breaker.guard(OSError):
            raise AssertionError("two probes at once")
    assert (breaker.state, shown()) == ("closed", 0)
    fail(breaker, 3)
    for rest in (2, 4, 5, 5):  # doubled after each failed probe, to the cap
        clock.now += rest - 0.1
        with pytest.raises(DependencyDown), breaker.guard(OSError):
            raise AssertionError("called too early")
        clock.now += 0.2
        fail(breaker)
    clock.now += 5.1
    with breaker.guard(OSError):
        pass
    fail(breaker, 3)
    clock.now += 2.1
    with breaker.guard(OSError):  # it rests briefly again after a good time
        pass


def test_calls_from_before_it_opened_change_nothing(breaker: Breaker, clock: Clock) -> None:
    with breaker.guard(OSError):
        fail(breaker, 3)
    assert shown() == 2
    clock.now += 2.1
    with breaker.guard(OSError):
        pass
    assert shown() == 0


async def test_cancelled_probe_is_no_verdict(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 2.1

    async def hang() -> None:
        with breaker.guard(OSError):
            await asyncio.Event().wait()

    probe = asyncio.create_task(hang())
    await until(lambda: breaker.state == "half_open", "the probe to start")
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    with breaker.guard(OSError):
        pass
    assert breaker.state == "closed"


async def test_job_waits_for_a_dependency_with_the_tries_it_had(
    engine: EmbeddedEngine,
    client: ZeebeClient,
    serving: Callable[..., AbstractAsyncContextManager[Feed]],
    cases: Cases,
) -> None:
    await client.deploy({"book.bpmn": one_task("book", errors=("no_room",))})
    cases.resources.cache["modes"] = ["down"] * 4 + ["ok"]
    async with serving("book"):
        instance = await client.start("run_book", {"case_id": "c1"})
        await until(lambda: not engine.process_instances("run_book", active_only=True), "the instance to end")
    retries = [
        record["value"]["retries"]
        for record in engine.records()
        if (record["valueType"], record["intent"], record["recordType"]) == ("JOB", "FAILED", "EVENT")
        and record["value"]["processInstanceKey"] == instance
    ]
    assert retries == [3, 3, 3, 3]
    assert await cases.booked() == 1
