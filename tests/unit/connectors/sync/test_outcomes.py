"""How leads ended in the CRM: taken once, whether a webhook, a look, an import or the comparison brings it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.unit.connectors.sync.worlds import World

PERSON = {"email": "eva@acme.es", "firstname": "Eva", "lastname": "Ruiz", "company": "Acme", "phone": "+34612345678"}


@pytest.fixture
async def record(world: World) -> str:
    """Eva's record, known to both sides; conversions are told to an ERP."""
    record = world.put("ana", **PERSON)
    await world.imported()
    await world.case.sql("INSERT INTO runtime.conversion_channels (channel) VALUES ('erp')")
    return record


async def recorded(world: World) -> list[str]:
    """Outcomes as the timelines have them."""
    rows = await world.case.sql("SELECT why FROM runtime.timeline WHERE action = 'outcome_recorded' ORDER BY id")
    return [row["why"] for row in rows]


async def told(world: World) -> list[Any]:
    """Of whom the ERP is told."""
    return list(await world.case.sql("SELECT business_id FROM runtime.outbox WHERE channel = 'erp'"))


async def test_what_no_webhook_told_is_caught_by_the_comparison_once_and_reported(world: World, record: str) -> None:
    world.ends(record, converted=True)
    trial = await world.reconciled(repair=False)
    assert trial.counts["outcomes"] == 1
    assert (await world.lead(record))["converted"] is None
    run = await world.reconciled()
    row = await world.lead(record)
    assert (row["converted"], run.counts["outcomes"]) == (True, 1)
    found = await world.case.sql(
        "SELECT run_id, lead_id, record_id, became FROM sync.differences WHERE kind = 'ended there'"
    )
    assert [(one["run_id"], one["became"]) for one in found] == [
        (trial.id, "it converted; not noted"),
        (run.id, "it converted; noted"),
    ]
    assert {(one["lead_id"], one["record_id"]) for one in found} == {(row["lead_id"], record)}
    await world.follow(record)  # the webhook comes after all
    assert "outcomes" not in (await world.reconciled()).counts
    assert await recorded(world) == ["converted"]
    assert len(await told(world)) == 1


async def test_webhook_and_comparison_at_once_have_one_effect(world: World, record: str) -> None:
    world.ends(record, converted=True)
    comparing = asyncio.create_task(world.reconciled())
    await asyncio.gather(*(world.follow(record) for _ in range(3)))
    run = await comparing
    assert await recorded(world) == ["converted"]
    assert len(await told(world)) == 1
    assert run.counts.get("outcomes", 0) in {0, 1}


async def test_each_later_word_replaces_the_one_before_also_the_same_as_once_before(world: World, record: str) -> None:
    for converted in (False, True, False):
        world.ends(record, converted=converted)
        await (world.reconciled() if converted else world.follow(record))
        assert (await world.lead(record))["converted"] is converted
    assert await recorded(world) == ["not converted", "converted", "not converted"]


async def test_a_word_from_elsewhere_stays_until_the_crm_says_something_new(world: World, record: str) -> None:
    world.ends(record, converted=True)
    await world.follow(record)
    await world.case.sql("UPDATE routing.leads SET converted = false WHERE external_id = %s", record)
    await world.reconciled()
    assert (await world.lead(record))["converted"] is False


async def test_what_was_known_stays_when_the_record_is_deleted_and_what_was_not_is_a_deletion(
    world: World, record: str
) -> None:
    other = world.put("ana", email="other@acme.es", lastname="Other")
    await world.imported(since=None, route=True)
    # The simulated clock runs ahead with each request: what is made from now on would be none of this comparison's.
    await world.case.sql("UPDATE routing.leads SET received_at = now() - interval '1 hour'")
    world.ends(record, converted=True)
    await world.follow(record)
    world.ends(other, converted=True)
    for one in (record, other):
        world.delete(one)
    run = await world.reconciled()
    assert run.counts["gone there"] == 1
    assert (await world.lead(record))["converted"] is True
    assert (await world.lead(other))["converted"] is None
    assert await recorded(world) == ["converted"]


async def test_a_record_merged_into_one_that_ended_brings_its_outcome(world: World, record: str) -> None:
    other = world.put("ana", email="eva2@acme.es", lastname="Ruiz")
    left = world.merge(other, record)
    world.ends(left, converted=False)
    run = await world.reconciled()
    assert run.counts["outcomes"] == 1
    assert (await world.lead(record))["converted"] is False
    await world.reconciled()
    assert await recorded(world) == ["not converted"]


async def test_an_import_takes_how_leads_ended_and_starts_nothing(world: World, record: str) -> None:
    world.ends(record, converted=False)  # known before, and nobody told
    past, free = (
        world.put("ben", email="past@acme.es", lastname="Past"),
        world.put(None, email="f@acme.es", lastname="Free"),
    )
    for one in (past, free):
        world.ends(one, converted=False)
    trial = await world.imported(dry=True, route=True)
    run = await world.imported(route=True)
    assert (trial.counts["outcomes"], run.counts["outcomes"], run.counts["ended there"]) == (1, 2, 1)
    rows = await world.case.sql("SELECT external_id, converted, state FROM routing.leads ORDER BY external_id")
    assert {(row["external_id"], row["converted"], row["state"]) for row in rows} == {
        (record, False, "accepted"),
        (past, False, "accepted"),
    }
    assert not await world.case.sql("SELECT FROM runtime.outbox")
    assert await recorded(world) == ["not converted"]
    assert "outcomes" not in (await world.reconciled()).counts


async def test_who_was_a_customer_before_we_came_is_not_told_to_the_erp(world: World, record: str) -> None:
    customer = world.put("ben", email="customer@acme.es", lastname="Customer")
    world.ends(customer, converted=True)
    run = await world.imported()
    if world.system == "salesforce":  # is an opportunity there, and no lead
        assert run.counts["ended there"] == 1
        return
    assert (await world.lead(customer))["converted"] is True
    assert not await told(world)
