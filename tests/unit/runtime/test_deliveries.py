"""Deliveries are counted: a job that kills its worker again and again ends as an incident."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from tests.unit.runtime.demo.cases import ROOT, Cases
from tests.unit.runtime.demo.diagram import one_task
from tests.unit.runtime.demo.served import Serve
from tests.unit.runtime.demo.waiting import until
from workers.engine.embedded import EmbeddedEngine
from workers.runtime import discovery
from workers.runtime.database import Pool
from workers.runtime.errors import PoisonJob
from workers.runtime.housekeeping import ended
from workers.runtime.journal import Journal
from workers.runtime.unit import Done, execute, validated
from workers.runtime.work import JobInfo
from workers.runtime.zeebe import ZeebeClient

JOB = JobInfo("flow.book", "book", "c1", "0", 5, 1, 3, 7)
ROWS = "SELECT job_key, deliveries FROM runtime.deliveries ORDER BY job_key"


async def take(journal: Journal, pool: Pool, job: JobInfo = JOB) -> int:
    async with pool.connection() as connection:
        return await journal.taken(connection, job, 5.0)


async def test_deliveries_without_an_answer_add_up_over_processes(pool: Pool, cases: Cases) -> None:
    for number in (1, 2, 3):
        journal = Journal(pool, max_deliveries=2)
        assert await take(journal, pool) == number
    journal.judge(JOB, 2)
    with pytest.raises(PoisonJob, match=r"started 2 times .* retry this incident\."):
        journal.judge(JOB, 3)


async def test_an_answer_starts_the_count_anew(pool: Pool, cases: Cases) -> None:
    journal = Journal(pool)
    await take(journal, pool)
    await journal.answered(JOB.key, committed=False)
    assert await cases.rows(ROWS) == []
    assert await take(journal, pool) == 1
    await journal.answered(JOB.key, committed=True)
    assert await cases.rows(ROWS) == [(5, 0)]
    assert await take(journal, pool) == 1


@pytest.mark.parametrize("committed", [False, True])
async def test_an_answer_that_comes_late_is_not_the_next_workers(pool: Pool, cases: Cases, committed: bool) -> None:
    late, present = Journal(pool), Journal(pool)
    await take(late, pool)
    await take(present, pool)
    await late.answered(JOB.key, committed=committed)
    assert await cases.rows(ROWS) == [(JOB.key, 2)]
    await present.answered(JOB.key, committed=False)
    assert await empty(cases)


async def test_confirmed_jobs_leave_with_the_next_one_or_soon(pool: Pool, cases: Cases) -> None:
    journal = Journal(pool)
    await take(journal, pool)
    journal.confirmed(JOB.key)
    other = JobInfo("flow.book", "book", "c2", "0", 6, 2, 4, 7)
    await take(journal, pool, other)
    assert await cases.rows(ROWS) == [(6, 1)]
    journal.confirmed(other.key)
    await until(lambda: empty(cases), "the last one to leave by itself")
    await take(journal, pool)
    journal.confirmed(JOB.key)
    await journal.close()
    assert await empty(cases)


async def test_a_job_that_was_given_up_and_comes_right_back_is_in_hand_again(pool: Pool, cases: Cases) -> None:
    journal = Journal(pool)
    await take(journal, pool)
    journal.confirmed(JOB.key)  # so a task that only reads gives up a job whose time is over
    assert await take(journal, pool) == 2
    await journal.close()
    assert await cases.rows(ROWS) == [(JOB.key, 2)]


async def test_a_job_that_comes_again_is_not_gone(pool: Pool, cases: Cases) -> None:
    journal = Journal(pool)
    await journal.gone(JOB)
    assert await take(journal, pool) == 2
    assert await cases.rows("SELECT gone_at, look_at > now() + interval '30 s' FROM runtime.deliveries") == [
        (None, True)
    ]


@pytest.mark.parametrize("name", ["writing", "reading"])
async def test_a_suspect_whose_twin_is_answered_while_it_steps_back_runs_in_its_turn(
    pool: Pool, cases: Cases, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        await take(Journal(pool), pool)
    journal = Journal(pool)
    taken = journal.taken

    async def taken_when_the_twin_is_answered(
        connection: AsyncConnection[DictRow], job: JobInfo, timeout_seconds: float
    ) -> int:
        deliveries = await taken(connection, job, timeout_seconds)
        journal.confirmed(job.key)
        return deliveries

    monkeypatch.setattr(journal, "taken", taken_when_the_twin_is_answered)
    async with getattr(journal, name)(JOB, 5.0):
        assert JOB.key in journal._open
    await journal.close()


async def empty(cases: Cases) -> bool:
    return await cases.rows(ROWS) == []


@pytest.mark.parametrize("name", ["book", "look"], ids=["writing", "reading"])
async def test_beside_a_job_that_kills_its_worker_the_innocent_are_not_to_blame(
    pool: Pool, cases: Cases, name: str
) -> None:
    spec = discovery.find(f"flow.{name}", ROOT)
    journal = Journal(pool)

    def deliver(number: int, *, hanging: bool) -> asyncio.Task[Done]:
        variables = {"case_id": f"c{number}", "mode": "slow" if hanging else "ok", "seconds": 60 if hanging else 0}
        given = validated(spec, variables)
        job = JobInfo(spec.job_type, name, f"c{number}", "0", number, 1, number, 7)
        return asyncio.create_task(execute(spec, given, job, cases.resources, ROOT, journal))

    def begun() -> int:
        return sum(int(cases.resources.cache.get(switch, 0)) for switch in ("runs", "now"))

    def redelivered() -> float:
        return REGISTRY.get_sample_value("fairlead_jobs_redelivered_total", {"task": spec.job_type}) or 0.0

    async def counted(*deliveries: int) -> bool:
        return await cases.rows(ROWS) == list(enumerate(deliveries, start=1))

    for number in range(1, 6):  # each time all four are in hand, and the worker dies of the first one
        journal = Journal(pool)
        before, noted = begun(), redelivered()
        in_hand = [deliver(1, hanging=True)]
        await until(lambda before=before: begun() > before, "the guilty one to run")  # type: ignore[misc]  # a lambda's default has no type
        in_hand += [deliver(job, hanging=number < 3) for job in (2, 3, 4)]
        if number < 3:
            await until(lambda before=before: begun() == before + 4, "all to run")  # type: ignore[misc]  # likewise
        else:
            await until(lambda noted=noted: redelivered() >= noted + 4, "the others to arrive")  # type: ignore[misc]  # likewise
        await until(lambda number=number: counted(number, *[min(number, 2)] * 3), "who runs, and only they, to count")  # type: ignore[misc]  # likewise
        await ended(in_hand)
    await journal.answered(4, committed=False)
    assert await cases.rows(ROWS) == [(1, 5), (2, 2), (3, 2)]
    journal = Journal(pool)
    done = await asyncio.gather(*(deliver(job, hanging=job == 1) for job in (1, 2, 3, 4)), return_exceptions=True)
    assert [type(one) for one in done] == [PoisonJob, Done, Done, Done]


async def test_a_job_that_kills_its_worker_becomes_an_incident(
    serve: Serve, engine: EmbeddedEngine, client: ZeebeClient, cases: Cases
) -> None:
    await client.deploy({"book.bpmn": one_task("book", errors=("no_room",))})
    instance = 0
    for _ in range(2):
        async with serve("flow.book", FAIRLEAD_WORKER__MAX_DELIVERIES="2") as served:
            await served.said("stream_open")
            instance = instance or await client.start("run_book", {"case_id": "c1", "mode": "die"})
            await asyncio.wait_for(served.process.wait(), 240)
        await asyncio.to_thread(engine.increase_time, timedelta(seconds=25))
    async with serve("flow.book", FAIRLEAD_WORKER__MAX_DELIVERIES="2") as served:
        await until(lambda: engine.incidents(instance), "an incident")
        message = engine.incidents(instance)[0]["value"]["errorMessage"]
        assert "flow.book was started 2 times and never gave an answer" in message
        assert message.endswith(" Runbook: http://127.0.0.1:8000/runbooks/poison-job.md")
        assert await served.terminate() == 0
    assert await cases.booked() == 0
    assert await cases.rows(ROWS) == []  # whoever retries the incident gives it as many deliveries again
    await client.cancel(instance)


async def test_healthy_jobs_leave_no_row(
    serve: Serve, engine: EmbeddedEngine, client: ZeebeClient, cases: Cases
) -> None:
    await client.deploy({"book.bpmn": one_task("book", errors=("no_room",)), "look.bpmn": one_task("look")})
    async with serve("flow.book", "flow.look") as served:
        await served.said("stream_open")
        for number in range(10):
            await client.start("run_book", {"case_id": f"c{number}", "mode": "no_room" if number % 2 else "ok"})
            await client.start("run_look", {"case_id": f"c{number}"})
        await until(lambda: finished(engine), "all instances to end")
        assert await served.terminate() == 0
    assert await empty(cases)


def finished(engine: EmbeddedEngine) -> bool:
    return all(not engine.process_instances(process, active_only=True) for process in ("run_book", "run_look"))
