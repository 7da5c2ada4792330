"""The first import and the comparison: at the end both sides say the same, whatever failed or was killed meanwhile."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.unit.connectors.sync.worlds import World
from workers.connectors.answers import SystemPause
from workers.connectors.sync import ledger, runs
from workers.connectors.sync.nightly import Night
from workers.settings import Regions

MANY = int(os.environ.get("FAIRLEAD_SYNC_RECORDS", "1000"))
"""10,000 for the figures in docs/sync.md."""
CHANGED = MANY // 10


def fill(world: World, number: int) -> list[str]:
    return [
        world.put(
            "ana" if one % 2 else "ben", email=f"p{one}@acme.es", firstname="Pat", lastname=f"Number {one}",
            company=f"Company {one}", phone=f"+346{one:08d}",
        )
        for one in range(number)
    ]  # fmt: skip


async def change_here(world: World, records: list[str], **values: str) -> None:
    await world.case.sql(
        "UPDATE routing.leads SET lead = lead || %s WHERE external_id = ANY(%s)", Jsonb(values), records
    )


async def differences(world: World) -> list[Any]:
    return list(await world.case.sql("SELECT * FROM sync.differences ORDER BY run_id, kind, lead_id"))


async def test_many_imported_and_many_changed_on_both_sides_at_once_are_equal_at_the_end(world: World) -> None:
    records = fill(world, MANY)
    began = time.monotonic()
    run = await world.imported()
    assert run.counts["taken"] == MANY
    print(f"\n{world.system}: imported {MANY} in {time.monotonic() - began:.1f} s, {world.asked('')} requests")  # noqa: T201 - figures of docs/sync.md
    half = records[: CHANGED // 2]
    await change_here(world, records[:CHANGED], company="Changed here")
    for record in half:  # the same field
        world.edit(record, company="Changed there")
    for record in records[CHANGED // 2 : CHANGED]:  # another one
        world.edit(record, phone="+34699999999")
    world.fail(None, "502", "half", None, "html", None, "401" if world.system == "salesforce" else "500")
    began, before = time.monotonic(), world.asked("")
    run = await world.reconciled()
    assert run.counts["different"] == CHANGED
    print(f"compared, {CHANGED} different: {time.monotonic() - began:.1f} s, {world.asked('') - before} requests")  # noqa: T201 - figures of docs/sync.md
    began, before = time.monotonic(), world.asked("")
    again = await world.reconciled()
    print(f"compared, all equal: {time.monotonic() - began:.1f} s, {world.asked('') - before} requests")  # noqa: T201 - figures of docs/sync.md
    assert (again.counts.get("different", 0), again.counts["equal"]) == (0, MANY)
    for record in records[:CHANGED:10]:
        here = (await world.lead(record))["lead"]
        assert (here["company"], here["phone"]) == (world.value(record, "company"), world.value(record, "phone"))


async def test_an_import_that_was_killed_goes_on_and_takes_nothing_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = fill(world, 450)
    met, pages = ledger.met, 0

    async def dies(*given: Any) -> None:
        nonlocal pages
        pages += 1
        if pages == 2:
            raise asyncio.CancelledError
        await met(*given)

    monkeypatch.setattr(ledger, "met", dies)
    with pytest.raises(asyncio.CancelledError):
        await world.imported()
    before = world.asked("GET")
    run = await world.imported()
    assert run.resumed
    assert world.asked("GET") - before < 1 + 450 / 100  # not from the beginning
    assert (await world.case.one("SELECT count(*) AS leads FROM routing.leads"))["leads"] == 450
    assert all(world.value(one, "lead_id") for one in records)
    third = await world.imported()
    assert (third.counts["known before"], third.counts.get("taken", 0)) == (450, 0)


async def test_a_trial_writes_nothing_and_counts(world: World) -> None:
    fill(world, 5)
    world.put(None, email="nobody@acme.es", lastname="Free")
    run = await world.imported(dry=True, route=True)
    assert (run.counts["taken"], run.counts["routed"]) == (5, 1)
    assert not await world.case.sql("SELECT FROM routing.leads")
    assert world.asked("PATCH") + world.asked("batch") == 0


async def test_what_nobody_owns_is_routed_only_if_asked_for(world: World) -> None:
    free = world.put(None, email="nobody@acme.es", lastname="Free")
    assert (await world.imported()).counts["nobody's"] == 1
    assert not await world.case.sql("SELECT FROM routing.leads")
    assert (await world.imported(route=True)).counts["routed"] == 1
    assert (await world.lead(free))["state"] == "received"
    [message] = await world.case.sql("SELECT payload FROM runtime.outbox")
    assert message["payload"]["name"] == "lead_received"


async def test_imported_leads_take_no_reps_place_and_start_nothing(world: World) -> None:
    fill(world, 3)
    await world.imported()
    assert not await world.case.sql("SELECT FROM routing.assignments")
    assert not await world.case.sql("SELECT FROM runtime.outbox")


async def test_records_of_another_region_are_left_to_it(world: World) -> None:
    world.case.resources.settings.regions = Regions(here="iberia", countries={"iberia": ["ES"]}, otherwise="rest")
    ours = world.put("ana", email="a@acme.es", lastname="Ours", country="Spain")
    world.put("ana", email="b@acme.es", lastname="Theirs", country="Brazil")
    world.put(None, email="c@acme.es", lastname="Theirs and free", country="Brazil")
    run = await world.imported(route=True)
    assert run.counts == {"read": 3, "taken": 1, "of another region": 2}
    assert await world.case.sql("SELECT external_id FROM routing.leads") == [{"external_id": ours}]
    run = await world.reconciled()
    assert run.counts == {"records there": 3, "equal": 1, "of another region": 2}
    assert not await differences(world)


async def test_odd_records_stop_no_import(world: World) -> None:
    world.put("ana", email="a@b.es", lastname="=HYPERLINK(1)\0", company="株式会社 ﷽ 🦊")
    world.put("ana", lastname="Nowhere")  # no way to reach it
    run = await world.imported()
    assert (run.counts["taken"], run.counts["unusable"]) == (1, 1)
    [found] = await differences(world)
    assert (found["kind"], found["lead_id"]) == ("only there", None)


async def test_the_days_limit_in_the_middle_parks_and_the_next_run_goes_on(world: World) -> None:
    fill(world, 250)
    world.fail(None, None, None, "daily")
    with pytest.raises(SystemPause):
        await world.imported()
    world.case.resources.cache.pop("connectors")  # a quarter of an hour later
    assert (await world.imported()).resumed
    assert (await world.reconciled()).counts["equal"] == 250


async def test_a_comparison_only_says_what_differs_if_asked_so(world: World) -> None:
    records = fill(world, 4)
    await world.imported()
    world.edit(records[0], phone="+34699999999")
    await change_here(world, records[1:2], company="Changed here")
    world.delete(records[2])
    run = await world.reconciled(repair=False)
    assert run.counts["different"] == 2
    assert (await world.lead(records[0]))["lead"]["phone"] != "+34699999999"
    assert world.value(records[1], "company") == "Company 1"
    assert not await world.case.sql("SELECT FROM runtime.outbox")


async def test_missed_records_are_taken_deleted_ones_followed_and_lost_ones_sent_again(world: World) -> None:
    _, deleted, lost = fill(world, 3)
    await world.imported()
    # One came in by itself since, an hour ago: so we listen. The next one was missed.
    first = world.put("ana", email="first@acme.es", lastname="First")
    await world.imported(route=True)
    await world.case.sql(
        "INSERT INTO runtime.timeline (business_id, at, actor, action) SELECT lead_id, now() - interval '1 day', 'x',"
        " 'received' FROM routing.leads WHERE external_id = %s",
        first,
    )
    missed = world.put("ben", email="missed@acme.es", lastname="Missed")
    await world.case.sql("INSERT INTO sync.runs (system, kind, options, started_at) VALUES (%s, 'reconcile', %s, %s)",
                         world.system, Jsonb({"repair": True}), "2099-01-01")  # fmt: skip
    world.delete(deleted)
    lost_id = (await world.lead(lost))["lead_id"]
    if world.system == "hubspot":
        world.simulated.account.records["contacts"].pop(lost)  # type: ignore[attr-defined]
    else:
        world.simulated.org.records["Lead"].pop(lost)  # type: ignore[attr-defined]
    run = await world.reconciled()
    found = {(one["kind"], one["lead_id"] or one["record_id"]): one["became"] for one in await differences(world)}
    assert found["only there", missed] == "taken as a new lead"
    assert "deleted" in found["gone there", (await world.lead(deleted))["lead_id"]]
    assert found["only here", lost_id] == "sent once more"
    assert run.counts["only here"] == 1
    [sent] = await world.case.sql("SELECT payload FROM runtime.outbox WHERE channel = 'crm.lead'")
    assert (sent["payload"]["lead_id"], sent["payload"]["owner_id"]) == (lost_id, "ben")


async def test_only_one_at_a_time(world: World) -> None:
    async with runs.begun(world.case.resources.pool, world.system, "import", {}):
        with pytest.raises(runs.Busy):
            await world.reconciled()


async def test_each_night_once(world: World) -> None:
    fill(world, 2)
    await world.imported()
    night = Night(world.case.resources, world.system)
    await night.look()
    assert not await world.case.sql("SELECT FROM sync.runs WHERE kind = 'reconcile'")  # not before the first night
    await world.case.sql("UPDATE sync.records SET agreed_at = now() - interval '2 days'")
    for _ in range(2):
        await night.look()
    [run] = await world.case.sql("SELECT * FROM sync.runs WHERE kind = 'reconcile'")
    assert run["finished_at"] is not None
    assert run["counts"]["equal"] == 2
