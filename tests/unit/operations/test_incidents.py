"""Incidents of a real engine: chosen, retried once the cause is mended, and recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.unit.operations.conftest import Trouble, rows
from workers.operations import audit, incidents
from workers.operations.audit import Actor
from workers.operations.model import Wanted
from workers.runtime.database import Pool
from workers.runtime.zeebe import ZeebeClient
from workers.settings import Settings, Zeebe

ANA = Actor("ana", "The CRM is back.")


async def test_incidents_are_chosen_by_what_one_knows_of_them(pool: Pool, trouble: Trouble) -> None:
    await trouble.make("The CRM is away.", "Defect in call: KeyError.")

    async def found(**wanted: Any) -> list[str]:
        return [one.business_id for one in await incidents.find(pool, trouble.board, replace(Wanted(), **wanted))]

    assert sorted(await found()) == ["c0", "c1"]
    assert await found(text="crm is AWAY") == ["c0"]
    assert await found(business_id="c1", process=trouble.process, element=f"{trouble.process}.call") == ["c1"]
    assert await found(element="elsewhere.call") == []
    assert await found(element="cal") == []


async def test_a_retried_incident_goes_on_and_is_recorded(pool: Pool, trouble: Trouble) -> None:
    first, second = await trouble.make("The CRM is away.", "The CRM is away.")
    assert [one.outcome for one in await incidents.retry(pool, trouble.client, [first], ANA, tries=2)] == ["done"]
    assert [one.key for one in await trouble.incidents(1)] == [second.key]
    (job,) = await trouble.jobs(1)
    assert job.key == first.job_key
    assert job.retries == 2
    (entry,) = await audit.entries(pool)
    assert (entry.actor, entry.action, entry.why, entry.outcome) == ("ana", "incident.retry", ANA.why, "done")
    assert entry.business_id == first.business_id
    assert entry.before["message"] == "The CRM is away."
    assert entry.after == {"tries": 2}


async def test_one_that_fails_again_is_the_same_subject(pool: Pool, trouble: Trouble) -> None:
    (before,) = await trouble.make("Away.")
    await incidents.retry(pool, trouble.client, [before], ANA)
    (job,) = await trouble.jobs(1)
    await trouble.fail(job, "Still away.")
    (after,) = await trouble.incidents(1)
    assert after.key != before.key
    assert after.subject == before.subject


async def test_an_incident_that_is_gone_is_refused_and_recorded(pool: Pool, trouble: Trouble) -> None:
    (one,) = await trouble.make("Away.")
    await incidents.retry(pool, trouble.client, [one], ANA)
    (job,) = await trouble.jobs(1)
    await trouble.client.complete(job.key, "{}")
    (again,) = await incidents.retry(pool, trouble.client, [one], ANA)
    assert again.outcome.startswith("refused: ")
    assert [outcome[:7] for (outcome,) in await rows(pool, "SELECT outcome FROM runtime.audit ORDER BY id DESC")] == [
        "refused",
        "done",
    ]


async def test_without_the_engine_it_failed_and_is_recorded(pool: Pool, trouble: Trouble) -> None:
    (one,) = await trouble.make("Away.")
    async with ZeebeClient(Settings(zeebe=Zeebe(address="127.0.0.1:1"))) as nobody:
        (done,) = await incidents.retry(pool, nobody, [one], ANA)
    assert done.outcome.startswith("failed: ")
    assert await rows(pool, "SELECT starts_with(outcome, 'failed: ') FROM runtime.audit") == [(True,)]
