"""Imports and comparisons of very many records by Salesforce's Bulk API 2.0: the same as by REST, whatever fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.unit.connectors.sync.test_import_and_comparison import CHANGED, MANY, change_here, differences, fill
from tests.unit.connectors.sync.worlds import SalesforceWorld, world_of
from workers.connectors.answers import SystemPause, SystemRefused
from workers.connectors.salesforce import bulk, side
from workers.connectors.sync import ledger, patience
from workers.runtime.database import Pool

FROM = 40


@pytest.fixture
async def world(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SalesforceWorld]:
    for module, name, seconds in (
        (patience, "FIRST_SECONDS", 0.01),
        (bulk, "FIRST_SECONDS", 0.02),
        (side, "LOCK_SECONDS", 0.01),
    ):
        monkeypatch.setattr(module, name, seconds)
    async with world_of("salesforce", pool, bulk_records=FROM) as world:
        assert isinstance(world, SalesforceWorld)
        yield world


def jobs_left(world: SalesforceWorld) -> list[str]:
    return [job.state for job in world.simulated.jobs.kept.values()]


async def test_many_are_equal_at_the_end_for_a_few_requests(world: SalesforceWorld) -> None:
    records = fill(world, MANY)
    began = time.monotonic()
    run = await world.imported()
    assert run.counts["taken"] == MANY
    print(f"\nimported {MANY} by jobs in {time.monotonic() - began:.1f} s, {world.asked('')} requests")  # noqa: T201 - figures of docs/sync.md
    assert all(world.value(one, "lead_id") for one in records)
    half = records[: CHANGED // 2]
    await change_here(world, records[:CHANGED], company="=CHANGED(here)")
    for record in half:
        world.edit(record, company="Changed there")
    for record in records[CHANGED // 2 : CHANGED]:
        world.edit(record, phone="+34699999999")
    world.fail(None, "502", "half", "html", None, "401")
    began, before = time.monotonic(), world.asked("")
    run = await world.reconciled()
    assert run.counts["different"] == CHANGED
    print(f"compared, {CHANGED} different: {time.monotonic() - began:.1f} s, {world.asked('') - before} requests")  # noqa: T201 - figures of docs/sync.md
    began, before = time.monotonic(), world.asked("")
    again = await world.reconciled()
    asked = world.asked("") - before
    print(f"compared, all equal: {time.monotonic() - began:.1f} s, {asked} requests")  # noqa: T201 - figures of docs/sync.md
    assert (again.counts.get("different", 0), again.counts["equal"]) == (0, MANY)
    assert asked < MANY / 100
    for record in records[:CHANGED:10]:
        here = (await world.lead(record))["lead"]
        assert (here["company"], here["phone"]) == (world.value(record, "company"), world.value(record, "phone"))
    assert jobs_left(world) == []


@pytest.mark.parametrize("dies_at", [1, 2, 3])
async def test_an_import_that_is_killed_goes_on_with_the_same_job(
    world: SalesforceWorld, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    records = fill(world, 3 * FROM)
    world.simulated.jobs.page = FROM + 10
    met, pages = ledger.met, 0

    async def dies(*given: Any) -> None:
        nonlocal pages
        pages += 1
        if pages == dies_at:
            raise asyncio.CancelledError
        await met(*given)

    monkeypatch.setattr(ledger, "met", dies)
    with pytest.raises(asyncio.CancelledError):
        await world.imported()
    run = await world.imported()
    assert run.resumed
    assert run.counts["taken"] == len(records)
    assert (await world.case.one("SELECT count(*) AS leads FROM routing.leads"))["leads"] == len(records)
    assert all(world.value(one, "lead_id") for one in records)
    assert len([job for job in world.simulated.jobs.made if job.table is None]) == 1
    assert jobs_left(world) == []


async def test_what_changed_since_the_job_ran_is_not_undone(world: SalesforceWorld) -> None:
    """A job's results may be hours old: our book has followed a later change, and must not follow back."""
    first, second, third, *_ = fill(world, FROM)
    await world.imported()
    world.edit(first, company="Before")
    world.ends(third, converted=False)
    await world.follow(first)
    ready = world.simulated.jobs.run

    def late(job: Any) -> None:
        ready(job)
        world.edit(first, company="Since")
        world.edit(second, phone="+34688888888")
        world.ends(third, converted=True)

    world.simulated.jobs.run = late  # type: ignore[method-assign]
    original = bulk.Bulk.results

    async def meanwhile(self: Any, *given: Any) -> Any:
        found = await original(self, *given)
        await world.follow(first, third)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk.Bulk, "results", meanwhile)
        run = await world.reconciled()
    assert (await world.lead(first))["lead"]["company"] == "Since" == world.value(first, "company")
    assert (await world.lead(third))["converted"] is True
    assert run.counts["equal"] == FROM - 1  # the third one has ended
    del world.simulated.jobs.run
    assert (await world.reconciled()).counts["different"] == 1  # that the second one changed, it had not seen yet
    assert (await world.lead(second))["lead"]["phone"] == "+34688888888"


async def test_what_a_job_could_not_write_has_its_own_outcome(world: SalesforceWorld) -> None:
    records = fill(world, FROM + 5)
    world.simulated.org.locks[records[0]] = 2  # the job, and the first time after it
    world.simulated.jobs.fates = [None, FROM]  # it fails before the last five
    run = await world.imported()
    assert run.counts["taken"] == len(records)
    assert all(world.value(one, "lead_id") for one in records)
    assert world.asked("/composite/sobjects") == 2
    assert jobs_left(world) == []


async def test_a_record_that_can_not_be_written_is_said_and_the_others_are(world: SalesforceWorld) -> None:
    records = fill(world, FROM + 5)
    await world.imported()
    await change_here(world, records, company="Changed here")
    world.simulated.org.records["Lead"][records[3]]["LastName"] = None  # as a rule that came later may leave it
    run = await world.reconciled()
    assert run.counts["different"] == len(records)
    found = [one for one in await differences(world) if one["became"].startswith("not written")]
    assert [one["record_id"] for one in found] == [records[3]]
    assert "REQUIRED_FIELD_MISSING" in found[0]["became"]
    assert sum(world.value(one, "company") == "Changed here" for one in records) == len(records) - 1


async def test_a_text_that_would_clear_a_field_in_a_table_is_written_by_itself(world: SalesforceWorld) -> None:
    records = fill(world, FROM + 5)
    await world.imported()
    await change_here(world, records, company="=1+1")
    await change_here(world, records[:1], company="#N/A")
    await world.reconciled()
    assert [world.value(one, "company") for one in records[:2]] == ["#N/A", "=1+1"]


@pytest.mark.parametrize("fate", ["Aborted", "Failed"])
async def test_a_query_that_somebody_aborts_or_that_fails_is_said_and_made_anew(
    world: SalesforceWorld, fate: Any
) -> None:
    fill(world, FROM)
    world.simulated.jobs.fates = [fate]
    with pytest.raises(SystemRefused, match=r"aborted|failed \(InternalServerError\)"):
        await world.imported()
    assert (await world.imported()).counts["taken"] == FROM
    assert jobs_left(world) == []


async def test_what_somebody_aborts_is_not_written_in_another_way(world: SalesforceWorld) -> None:
    records = fill(world, FROM)
    world.simulated.jobs.fates = [None, "Aborted"]
    with pytest.raises(SystemRefused, match="was aborted"):
        await world.imported()
    assert world.asked("/composite") == 0
    assert (await world.imported()).counts["taken"] == FROM
    assert all(world.value(one, "lead_id") for one in records)


async def test_a_job_that_salesforce_forgot_is_begun_anew_and_nothing_taken_twice(world: SalesforceWorld) -> None:
    fill(world, 2 * FROM)
    world.simulated.jobs.page = FROM
    world.fail(*[None] * 7, "daily")
    with pytest.raises(SystemPause):
        await world.imported()
    world.case.resources.cache.pop("connectors")  # seven days later
    world.simulated.jobs.kept.clear()
    await world.imported()
    assert (await world.case.one("SELECT count(*) AS leads FROM routing.leads"))["leads"] == 2 * FROM
    assert (await world.reconciled()).counts["equal"] == 2 * FROM


async def test_the_days_jobs_are_used_up(world: SalesforceWorld) -> None:
    fill(world, FROM)
    world.simulated.jobs.daily = 0
    with pytest.raises(SystemPause, match=r"Bulk API 2\.0"):
        await world.imported()


async def test_few_are_read_and_written_by_rest(world: SalesforceWorld) -> None:
    fill(world, FROM - 1)
    assert (await world.imported()).counts["taken"] == FROM - 1
    assert world.asked("/jobs/") == 0


async def test_leads_that_salesforce_never_had_are_made_by_a_job_each_once(world: SalesforceWorld) -> None:
    """Who worked with Fairlead first: thousands would be two or three requests each."""
    case = world.case
    await case.sql(
        """INSERT INTO routing.leads (lead_id, source, external_id, raw, lead, owner_id, state)
           SELECT 'ours-' || n, 'web_form', n::text, '{}',
               jsonb_build_object('email', 'p' || n || '@acme.es', 'name', 'Pat =' || n, 'company', 'Acme',
                   'domain', 'acme.es'), 'ana', 'accepted'
           FROM generate_series(1, %s) AS n""",
        FROM + 3,
    )
    there = world.put(None, email="P1@acme.es", lastname="Somebody's")  # of the first one: it is to be taken over
    await case.sql("UPDATE routing.leads SET owner_id = 'nobody' WHERE lead_id = 'ours-2'")
    world.simulated.jobs.fates = [FROM - 1]  # two are left
    run = await world.reconciled()
    assert run.counts["only here"] == FROM + 3
    made = [one for one in world.simulated.leads if one["Fairlead_Lead_Id__c"]]
    assert len(made) == FROM - 1
    assert {world.value(one["Id"], "owner") for one in made} == {"ana"}
    assert made[0]["LastName"].startswith("=")  # for Salesforce, and no spreadsheet
    rows = await case.sql("SELECT business_id FROM runtime.outbox WHERE channel = 'crm.lead'")
    left = {row["business_id"] for row in rows}
    assert {"ours-1", "ours-2"} < left
    assert len(left) == 4
    await case.sql("DELETE FROM runtime.outbox WHERE business_id = 'ours-2'")
    await world.deliver("crm.lead")
    assert world.value(there, "lead_id") == "ours-1"
    again = await world.reconciled()
    assert (again.counts["equal"], again.counts["only here"]) == (FROM + 1, 1)  # the first one keeps its other name
    assert len(world.simulated.leads) == FROM + 2
