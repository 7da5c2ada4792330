"""Jobs from a real engine: outcomes, once-only, the bound, streams that come back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from tests.unit.runtime.demo.cases import Cases
from tests.unit.runtime.demo.diagram import one_task
from tests.unit.runtime.demo.waiting import until
from workers.engine.embedded import EmbeddedEngine
from workers.runtime import logs
from workers.runtime.answers import database_away, pause
from workers.runtime.feed import Feed
from workers.runtime.task import Retry
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import EngineBusy, Refused
from workers.settings import Settings, Zeebe

Serving = Callable[..., AbstractAsyncContextManager[Feed]]
NANOSECONDS = 1_000_000_000
"""A second."""


def ended(engine: EmbeddedEngine, instance: int) -> bool:
    return any(one.key == instance and one.state == "ELEMENT_COMPLETED" for one in engine.elements(instance))


def passed(engine: EmbeddedEngine, instance: int) -> set[str]:
    return {one.element_id for one in engine.elements(instance) if one.state == "ELEMENT_COMPLETED"}


def failures(engine: EmbeddedEngine, instance: int) -> list[dict[str, Any]]:
    return [
        record["value"]
        for record in engine.records()
        if record["valueType"] == "JOB"
        and record["intent"] == "FAILED"
        and record["recordType"] == "EVENT"
        and record["value"]["processInstanceKey"] == instance
    ]


@pytest.fixture
async def book(client: ZeebeClient) -> str:
    await client.deploy({"book.bpmn": one_task("book", errors=("no_room",))})
    return "run_book"


async def test_completes_with_the_output(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, book: str, cases: Cases
) -> None:
    async with serving("book"):
        instance = await client.start(book, {"case_id": "c1", "amount": 7, "secret": "not fetched"})
        await until(lambda: ended(engine, instance), "the instance to end")
    assert engine.variables(instance)["booked"] == 7
    assert await cases.booked() == 7
    assert await cases.rows("SELECT process_definition_key > 0 FROM runtime.timeline") == [(True,)]


async def test_jobs_from_before_the_stream_are_found(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, book: str, cases: Cases
) -> None:
    instances = [await client.start(book, {"case_id": f"c{number}"}) for number in range(20)]
    async with serving("book", max_running=4):
        await until(lambda: all(ended(engine, instance) for instance in instances), "all instances to end", 5)


async def test_business_error_takes_the_diagrams_path(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, book: str, cases: Cases
) -> None:
    async with serving("book"):
        instance = await client.start(book, {"case_id": "c1", "mode": "no_room"})
        await until(lambda: ended(engine, instance), "the instance to end")
    assert "no_room" in passed(engine, instance)
    assert engine.variables(instance)["why"] == "full"
    assert await cases.booked() == 0


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"mode": "permanent"}, "The account is closed. Open it, then retry."),
        ({"mode": "surprise"}, "raised the business error Surprise, which it doesn't declare"),
        ({"mode": "defect"}, "Defect in flow.book: KeyError"),
        ({"amount": "many"}, "amount (Input should be a valid integer"),
    ],
)
async def test_incident_at_once_with_what_to_do(
    engine: EmbeddedEngine,
    client: ZeebeClient,
    serving: Serving,
    book: str,
    variables: dict[str, object],
    said: str,
) -> None:
    async with serving("book"):
        instance = await client.start(book, {"case_id": "c1", **variables})
        await until(lambda: engine.incidents(instance), "an incident")
    message = engine.incidents(instance)[0]["value"]["errorMessage"]
    assert said in message
    assert "retry" in message
    assert "ana@example.com" not in message
    assert message.endswith(" Runbook: http://127.0.0.1:8000/runbooks/incident.md")
    await client.cancel(instance)


async def test_no_incident_tells_of_a_secret(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, book: str
) -> None:
    said = "The account is closed."
    logs.configure(Settings.model_validate({"mail": {"password": said}}))
    try:
        async with serving("book"):
            instance = await client.start(book, {"case_id": "c1", "mode": "permanent"})
            await until(lambda: engine.incidents(instance), "an incident")
    finally:
        logs.configure(Settings())
    message = engine.incidents(instance)[0]["value"]["errorMessage"]
    assert said not in message
    assert "***" in message
    await client.cancel(instance)


async def test_transient_failure_is_tried_again_with_pauses_then_an_incident(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, book: str, cases: Cases
) -> None:
    cases.resources.cache["modes"] = ["transient", "limited", "ok"]
    async with serving("book"):
        instance = await client.start(book, {"case_id": "c1"})
        await until(lambda: ended(engine, instance), "the instance to end")
        retries = [failure["retries"] for failure in failures(engine, instance)]
        assert retries == [2, 1]
        assert failures(engine, instance)[1]["retryBackoff"] >= 300

        instance = await client.start(book, {"case_id": "c2", "mode": "transient"})
        await until(lambda: engine.incidents(instance), "an incident")
    assert [failure["retries"] for failure in failures(engine, instance)] == [2, 1, 0]
    assert "Gave up after the last try" in engine.incidents(instance)[0]["value"]["errorMessage"]
    assert await cases.booked() == 1
    await client.cancel(instance)


async def test_full_database_uses_up_neither_tries_nor_deliveries(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, book: str, cases: Cases,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("workers.runtime.answers.random.uniform", lambda low, _high: low / 10)
    await cases.run_sql(
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$"
    )
    await cases.run_sql("CREATE TRIGGER refuse BEFORE INSERT ON public.bookings EXECUTE FUNCTION public.refuse()")
    async with serving("book"):
        instance = await client.start(book, {"case_id": "c1"})
        await until(lambda: len(failures(engine, instance)) == 6, "more tries than a job has, and deliveries")
        await cases.run_sql("DROP TRIGGER refuse ON public.bookings")
        await until(lambda: ended(engine, instance), "the instance to end")
    assert {failure["retries"] for failure in failures(engine, instance)} == {3}
    assert await cases.booked() == 1


async def test_deadline_of_the_task_ends_it_and_rolls_back(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, book: str, cases: Cases
) -> None:
    cases.resources.cache["modes"] = ["slow", "ok"]
    async with serving("book"):
        instance = await client.start(book, {"case_id": "c1"})
        await until(lambda: ended(engine, instance), "the instance to end")
    assert "took longer than its 5 s" in failures(engine, instance)[0]["errorMessage"]
    assert await cases.booked() == 1


class Deaf(ZeebeClient):
    """An engine that takes no completion for a while, as under back-pressure, or for ever."""

    def __init__(self, address: str, misses: int) -> None:
        super().__init__(Settings(zeebe=Zeebe(address=address)))
        self.misses = misses

    async def complete(self, job_key: int, variables: Any) -> None:
        self.misses -= 1
        if self.misses >= 0:
            raise EngineBusy("RESOURCE_EXHAUSTED")
        await super().complete(job_key, variables)


async def test_refused_completion_is_sent_again(
    engine: EmbeddedEngine, serving: Serving, book: str, cases: Cases
) -> None:
    async with Deaf(engine.address, misses=4) as deaf, serving("book", using=deaf):
        instance = await deaf.start(book, {"case_id": "c1"})
        await until(lambda: ended(engine, instance), "the instance to end")
    assert cases.resources.cache["runs"] == 1


async def test_death_between_commit_and_completion_makes_no_second_effect(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, book: str, cases: Cases
) -> None:
    async with Deaf(engine.address, misses=10**9) as deaf, serving("book", using=deaf) as dying:
        instance = await client.start(book, {"case_id": "c1"})
        await until(lambda: cases.rows("SELECT FROM runtime.effects WHERE result IS NOT NULL"), "the commit")
        dying.stop()
        await dying.drain(0)
    assert not ended(engine, instance)
    async with serving("book"):
        await until(lambda: ended(engine, instance), "the instance to end")
    assert cases.resources.cache["runs"] == 1
    assert await cases.booked() == 1
    assert engine.variables(instance)["booked"] == 1


async def test_jobs_of_an_ended_instance_trouble_nobody(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, book: str, cases: Cases
) -> None:
    cases.resources.cache["gate"] = gate = asyncio.Event()
    async with serving("book") as feed:
        instance = await client.start(book, {"case_id": "c1"})
        await until(lambda: cases.resources.cache.get("runs"), "the job to run")
        await client.cancel(instance)
        gate.set()
        await until(lambda: not feed.running, "the job to end")
        other = await client.start(book, {"case_id": "c2"})
        await until(lambda: ended(engine, other), "the next instance to end")
    assert await cases.booked("c1") == 1  # stands until somebody undoes it
    assert (await cases.run("settle", "c1")).result == {"settled": ["book"]}
    assert await cases.booked("c1") == 0


@pytest.mark.slow
async def test_running_jobs_are_bounded_under_a_flood(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, cases: Cases
) -> None:
    await client.deploy({"look.bpmn": one_task("look")})
    fill = "x" * 2_000
    async with serving("look", max_running=4) as feed:
        starts = [
            asyncio.ensure_future(client.start("run_look", {"case_id": f"{number}-{fill}", "seconds": 0.05}))
            for number in range(300)
        ]
        await until(lambda: len(feed.running) == 4, "the worker to be full")
        instances = await asyncio.gather(*starts)

        def all_ended() -> bool:
            done = {one.key for one in engine.process_instances("run_look") if one.state == "ELEMENT_COMPLETED"}
            return done.issuperset(instances)

        await until(all_ended, "all instances to end", 60)
    assert cases.resources.cache["most"] <= 4


async def test_stopping_hands_back_what_did_not_start_and_keeps_its_retries(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, book: str, cases: Cases
) -> None:
    cases.resources.cache["gate"] = gate = asyncio.Event()
    async with serving("book", max_running=1, drain=0.2) as feed:
        instances = [await client.start(book, {"case_id": f"c{number}"}) for number in range(5)]
        await until(lambda: cases.resources.cache.get("runs"), "the first job to run")
    assert not feed.running
    handed_back = [failure for instance in instances for failure in failures(engine, instance)]
    assert handed_back
    assert {failure["retries"] for failure in handed_back} == {3}
    gate.set()
    async with serving("book", max_running=4):
        await until(lambda: all(ended(engine, instance) for instance in instances), "all instances to end")
    assert sorted(await cases.rows("SELECT business_id, sum(change)::int FROM public.bookings GROUP BY 1")) == [
        (f"c{number}", 1) for number in range(5)
    ]


async def test_idle_worker_stops_at_once(serving: Serving, book: str) -> None:
    async with serving("book"):
        started = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - started < 4, "less than it would wait for what runs"


async def test_stream_comes_back_after_the_engine(cases: Cases, serving: Serving) -> None:
    first = EmbeddedEngine()
    first.start()
    port = first.port
    async with ZeebeClient(Settings(zeebe=Zeebe(address=first.address))) as client, serving("touch", using=client):
        first.stop()
        second = EmbeddedEngine()
        second.start(port)
        try:
            await until(lambda: reachable(client), "the engine to be back")
            await client.deploy({"touch.bpmn": one_task("touch")})
            instance = await client.start("run_touch", {"case_id": "c1"})
            await until(lambda: ended(second, instance), "the instance to end")
        finally:
            second.stop()


async def reachable(client: ZeebeClient) -> bool:
    try:
        return (await client.topology()).healthy
    except EngineBusy:
        return False


async def test_refusals_say_why(client: ZeebeClient) -> None:
    with pytest.raises(Refused, match=r"broken\.bpmn"):
        await client.deploy({"broken.bpmn": b"<no/>"})
    assert await client.publish("hello", "1", {}, "m1")
    assert not await client.publish("hello", "1", {}, "m1")


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (PoolTimeout(), True),
        (psycopg.InterfaceError("the connection is closed"), True),
        (psycopg.OperationalError("consuming input failed"), True),
        (psycopg.errors.AdminShutdown(), True),
        (psycopg.errors.DiskFull(), True),
        (psycopg.errors.TooManyConnections(), True),
        (psycopg.errors.OutOfMemory(), False),  # perhaps by what it was asked
        (psycopg.errors.DeadlockDetected(), False),
        (psycopg.errors.UniqueViolation(), False),
        (psycopg.DataError("a NUL"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_says_that_the_database_is_away(error: psycopg.Error, away: bool) -> None:
    assert database_away(error) is away


def test_pause_grows_and_is_capped() -> None:
    retry = Retry(tries=5, first_seconds=1, cap_seconds=3)
    longest = [pause(retry, left, lambda _low, high: high) for left in (5, 4, 3, 2, 1)]
    assert longest == [1, 2, 3, 3, 3]
    assert all(0 <= pause(retry, 3) <= 3 for _ in range(100))


async def test_a_job_from_before_the_engine_was_away_is_not_answered_but_comes_again(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, book: str, cases: Cases
) -> None:
    """Its key may be another job's by now."""
    cases.resources.cache["gate"] = gate = asyncio.Event()
    async with serving("book"):
        instance = await client.start(book, {"case_id": "c1", "amount": 7})
        await until(lambda: cases.resources.cache.get("runs"), "the job to run")
        client.contact.lost(time.time_ns() - 3 * NANOSECONDS)
        client.contact.had()
        gate.set()
        await until(lambda: cases.rows("SELECT FROM runtime.effects WHERE result IS NOT NULL"), "the commit")
        assert not ended(engine, instance)
        while not ended(engine, instance):  # until its time is over by the engine's clock
            engine.increase_time(timedelta(seconds=1))
            await asyncio.sleep(0.1)
    assert cases.resources.cache["runs"] == 1
    assert await cases.booked() == 7
    assert engine.variables(instance)["booked"] == 7
