"""Changes that come back from a CRM, and what is done about each; by the same tests for HubSpot and Salesforce."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pytest

from tests.unit.connectors.sync.worlds import World
from workers.connectors.answers import SystemPause
from workers.connectors.records import Record
from workers.connectors.sync import keeping, making
from workers.connectors.sync.keeping import CHANNEL
from workers.lead_routing.ports import crm

PERSON = {"email": "eva@acme.es", "firstname": "Eva", "lastname": "Ruiz", "company": "Acme", "phone": "+34612345678",
          "country": "Spain"}  # fmt: skip


@pytest.fixture
async def record(world: World) -> str:
    """Eva's record, which Ana owns, known to both sides."""
    record = world.put("ana", **PERSON)
    await world.imported()
    return record


async def letters(world: World) -> list[Any]:
    return list(await world.case.sql("SELECT * FROM runtime.dead_letters WHERE settled_at IS NULL"))


async def open_again(world: World, record: str, state: str = "triage") -> str:
    """As if the lead were still routed."""
    row = await world.lead(record)
    await world.case.sql("UPDATE routing.leads SET state = %s WHERE lead_id = %s", state, row["lead_id"])
    return str(row["lead_id"])


async def test_a_change_there_comes_back_and_what_the_lead_is_known_by_follows(world: World, record: str) -> None:
    world.edit(record, email="Eva.Ruiz@Acme.es", phone="")
    await world.follow(record)
    row = await world.lead(record)
    assert (row["lead"]["email"], row["lead"]["phone"]) == ("eva.ruiz@acme.es", None)
    assert (row["email_key"], row["phone_key"]) == ("eva.ruiz@acme.es", None)
    noted = await world.case.one("SELECT * FROM runtime.timeline WHERE action = 'changed'")
    assert noted["facts"] == {"fields": ["email", "phone"]}
    assert "eva" not in noted["why"].lower()


async def test_our_own_echo_changes_nothing_so_that_no_loop_is_possible(world: World, record: str) -> None:
    row = await world.lead(record)
    await world.case.sql(
        'UPDATE routing.leads SET lead = lead || \'{"company": "Acme Iberia"}\' WHERE lead_id = %s', row["lead_id"]
    )
    for _ in range(5):  # each write of ours is told to us as a change
        await world.follow(record)
    assert world.value(record, "company") == "Acme Iberia"
    assert world.writes == 1
    assert not await world.case.sql("SELECT FROM runtime.timeline WHERE action = 'changed'")


async def test_both_sides_changed_different_fields_and_both_changes_stay(world: World, record: str) -> None:
    row = await world.lead(record)
    await world.case.sql(
        'UPDATE routing.leads SET lead = lead || \'{"company": "Acme Iberia"}\' WHERE lead_id = %s', row["lead_id"]
    )
    world.edit(record, phone="+34699999999")
    await world.follow(record)
    assert (await world.lead(record))["lead"]["phone"] == "+34699999999"
    assert world.value(record, "company") == "Acme Iberia"


async def test_a_conflict_waits_for_a_person_who_takes_what_the_crm_says(world: World, record: str) -> None:
    row = await world.lead(record)
    await world.case.sql(
        'UPDATE routing.leads SET lead = lead || \'{"email": "ours@acme.es"}\' WHERE lead_id = %s', row["lead_id"]
    )
    world.edit(record, email="theirs@acme.es")
    for _ in range(3):
        await world.follow(record)
    [letter] = await letters(world)
    assert (letter["channel"], letter["business_id"]) == (CHANNEL, row["lead_id"])
    assert "@" not in f"{letter['reason']}{letter['payload']}"
    assert (await world.lead(record))["lead"]["email"] == "ours@acme.es"
    assert world.value(record, "email") == "theirs@acme.es"
    # As `fairlead ops dead-letters retry` does.
    await world.case.sql("DELETE FROM runtime.dead_letters")
    await world.case.sql(
        "INSERT INTO runtime.outbox (channel, business_id, external_id, payload) SELECT %s, %s, %s, payload"
        " FROM (SELECT jsonb_build_object('record_id', %s::text, 'fields', '[\"email\"]'::jsonb) AS payload) AS one",
        CHANNEL, row["lead_id"], letter["external_id"], record,
    )  # fmt: skip
    await world.deliver(CHANNEL)
    assert (await world.lead(record))["lead"]["email"] == "theirs@acme.es"


async def test_a_change_is_not_followed_once_the_lead_has_ended(world: World, record: str) -> None:
    await open_again(world, record, "discarded")
    world.edit(record, phone="+34699999999")
    await world.follow(record)
    assert (await world.lead(record))["lead"]["phone"] == PERSON["phone"]


async def test_an_owner_given_by_hand_is_a_decision_of_which_the_process_is_told(world: World, record: str) -> None:
    lead_id = await open_again(world, record)
    world.edit(record, owner="ben")
    for _ in range(3):
        await world.follow(record)
    [message] = await world.case.sql("SELECT payload FROM runtime.outbox WHERE channel = 'zeebe.message'")
    assert message["payload"]["name"] == "lead_taken_over"
    assert message["payload"]["correlation_key"] == lead_id
    assert message["payload"]["variables"] == {"taken_by": "ben"}
    assert world.value(record, "owner") == "ben"


async def test_an_accepted_lead_goes_to_whom_a_person_gave_it(world: World, record: str) -> None:
    row = await world.lead(record)
    await world.case.sql(
        "INSERT INTO routing.assignments (lead_id, round, rep_id, local_day, assigned_at, why)"
        " VALUES (%s, 0, 'ana', now(), now(), 'test')",
        row["lead_id"],
    )
    world.edit(record, owner="ben")
    for _ in range(3):
        await world.follow(record)
    assert (await world.lead(record))["owner_id"] == "ben"
    held = await world.case.sql("SELECT rep_id, round FROM routing.assignments WHERE released_at IS NULL")
    assert [(one["rep_id"], one["round"]) for one in held] == [("ben", 1)]
    world.edit(record, owner="zoe")  # who is no rep of ours
    await world.follow(record)
    assert (await world.lead(record))["owner_id"] == f"{world.system}:{world.people['zoe']}"
    assert not await world.case.sql("SELECT FROM routing.assignments WHERE released_at IS NULL")


async def test_what_we_wrote_ourselves_is_no_decision_of_a_person(world: World, record: str) -> None:
    lead_id = await open_again(world, record, "registered")
    known = (await world.lead(record))["lead"]
    await world.case.run(
        "write_owner", lead_id=lead_id, round=0, assignment={"owner_id": "ben"}, lead=known, account=None
    )
    await world.follow(record)  # before it arrived
    await world.deliver(crm.CHANNEL)
    await world.case.sql("UPDATE routing.leads SET owner_id = 'ben', state = 'assigned' WHERE lead_id = %s", lead_id)
    await world.follow(record)
    assert world.value(record, "owner") == "ben"
    assert not await world.case.sql("SELECT FROM runtime.outbox")


async def test_what_arrived_while_the_record_was_read_is_no_decision_of_a_person(world: World, record: str) -> None:
    lead_id = await open_again(world, record, "assigned")
    known = (await world.lead(record))["lead"]
    await world.case.run(
        "write_owner", lead_id=lead_id, round=0, assignment={"owner_id": "ben"}, lead=known, account=None
    )
    follower = making.follower(world.case.resources, world.system)
    side, read = follower.keeper.side, follower.keeper.side.read

    async def overtaken(record_ids: Collection[str]) -> Mapping[str, Record]:
        found = await read(record_ids)  # it is still Ana's
        await world.deliver(crm.CHANNEL)
        await world.case.sql("UPDATE routing.leads SET owner_id = 'ben' WHERE lead_id = %s", lead_id)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(side, "read", overtaken)
        assert (await follower.follow([record])).unsettled == {lead_id}
    assert not await world.case.sql("SELECT FROM runtime.outbox")
    kept = await follower.follow([record])
    assert (kept.unsettled, kept.differences) == (set(), [])
    assert (await world.lead(record))["owner_id"] == "ben"


async def test_an_owner_who_was_just_booked_is_written_by_the_process_and_later_by_us(
    world: World, record: str
) -> None:
    lead_id = await open_again(world, record, "assigned")
    booked = (
        "UPDATE routing.leads SET owner_id = 'ben', assigned_at = now() - make_interval(secs => %s) WHERE lead_id = %s"
    )
    await world.case.sql(booked, 2, lead_id)
    await world.follow(record)
    assert (world.value(record, "owner"), world.writes) == ("ana", 0)
    await world.case.sql(booked, 120, lead_id)
    await world.follow(record)
    assert (world.value(record, "owner"), world.writes) == ("ben", 1)


async def test_what_a_process_began_with_does_not_undo_what_was_changed_since(world: World) -> None:
    record = world.put("ana", email="eva@acme.es", lastname="Ruiz")
    await world.imported()
    lead_id = await open_again(world, record, "registered")
    begun = (await world.lead(record))["lead"] | {"phone": "+34611111111"}
    await world.case.sql(
        'UPDATE routing.leads SET lead = lead || \'{"phone": "+34622222222"}\' WHERE lead_id = %s', lead_id
    )
    await world.case.run(
        "write_owner", lead_id=lead_id, round=0, assignment={"owner_id": "ben"}, lead=begun, account=None
    )
    await world.deliver(crm.CHANNEL)
    assert world.value(record, "phone") == "+34622222222"


async def test_a_deletion_withdraws_the_lead_and_is_not_guessed(world: World, record: str) -> None:
    lead_id = await open_again(world, record)
    world.delete(record)
    for _ in range(2):
        await world.follow(record)
    [message] = await world.case.sql("SELECT payload FROM runtime.outbox WHERE channel = 'zeebe.message'")
    assert message["payload"]["name"] == "lead_withdrawn"
    assert message["payload"]["correlation_key"] == lead_id
    assert (await world.case.one("SELECT gone_at FROM sync.records"))["gone_at"] is not None


async def test_a_merged_record_is_gone_on_with_under_its_new_id(world: World, record: str) -> None:
    await open_again(world, record)
    other = world.put("ana", email="eva2@acme.es", lastname="Ruiz")
    left = world.merge(other, record)
    await world.follow(record)
    await world.follow(left)
    assert (await world.case.one("SELECT record_id FROM sync.records"))["record_id"] == left
    assert world.value(left, "lead_id") == (await world.lead(record))["lead_id"]
    world.edit(left, phone="+34655555555")
    await world.follow(left)
    assert (await world.lead(record))["lead"]["phone"] == "+34655555555"


async def test_of_two_leads_whose_records_were_merged_one_is_withdrawn(world: World, record: str) -> None:
    other = world.put("ana", email="other@acme.es", lastname="Other")
    await world.imported(since=None, route=True)
    loser_id, winner_id = await open_again(world, record), await open_again(world, other)
    left = world.merge(other, record)
    await world.follow(record, other)
    messages = await world.case.sql("SELECT payload FROM runtime.outbox WHERE channel = 'zeebe.message'")
    assert [(one["payload"]["name"], one["payload"]["correlation_key"]) for one in messages] == [
        ("lead_withdrawn", loser_id)
    ]
    assert world.value(left, "lead_id") == winner_id


async def test_of_many_written_at_once_the_refused_are_told_and_the_others_stand(world: World, record: str) -> None:
    side = making.side(world.case.resources, world.system)
    missing, phone = "99" if world.system == "hubspot" else "00Q5g0000099999AAA", side.system.mapping.places["phone"]
    faults = await side.write({one: {phone.property: "+34699999999"} for one in (missing, record)})
    assert faults.keys() == {missing}
    assert "+34" not in str(faults[missing].raised("write"))
    assert world.value(record, "phone") == "+34699999999"


async def test_a_days_limit_parks_and_short_failures_are_waited_for(world: World, record: str) -> None:
    world.edit(record, phone="+34699999999")
    world.fail("502", "html", "half")
    await world.follow(record)
    assert (await world.lead(record))["lead"]["phone"] == "+34699999999"
    world.fail("daily")
    with pytest.raises(SystemPause):
        await world.follow(record)
    before = world.asked("")
    with pytest.raises(SystemPause):
        await world.follow(record)
    assert world.asked("") == before


async def changed_meanwhile(
    world: World, record: str, monkeypatch: pytest.MonkeyPatch, times: int, **values: str
) -> None:
    """Follow a record that we are to write, which somebody changes `times` times after it was read and before it is written."""
    side, left = type(making.side(world.case.resources, world.system)), times
    write = side.write

    async def late(self: Any, *given: Any) -> Any:
        nonlocal left
        if left:
            left -= 1
            world.edit(record, **{name: value.format(left) for name, value in values.items()})
        return await write(self, *given)

    monkeypatch.setattr(side, "write", late)
    monkeypatch.setattr(keeping, "ROUND_SECONDS", 0.01)
    row = await world.lead(record)
    await world.case.sql(
        'UPDATE routing.leads SET lead = lead || \'{"company": "Ours", "email": "ours@acme.es"}\' WHERE lead_id = %s',
        row["lead_id"],
    )
    await world.follow(record)


async def test_what_is_changed_between_reading_and_writing_is_judged_and_not_overwritten(
    world: World, record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await changed_meanwhile(
        world, record, monkeypatch, 1, company="Theirs", email="theirs@acme.es", phone="+34655555555"
    )
    here = (await world.lead(record))["lead"]
    assert here["company"] == world.value(record, "company") == "Theirs"  # the newest
    assert here["phone"] == world.value(record, "phone") == "+34655555555"
    assert (here["email"], world.value(record, "email")) == ("ours@acme.es", "theirs@acme.es")
    [letter] = await letters(world)  # a person is asked
    assert (letter["channel"], letter["payload"]["fields"]) == (CHANNEL, ["email"])
    assert world.writes == 0


async def test_what_is_changed_again_and_again_is_left_for_the_next_time(
    world: World, record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await changed_meanwhile(world, record, monkeypatch, keeping.ROUNDS, phone="+3465555555{}")
    assert world.value(record, "company") == PERSON["company"]
    assert world.writes == 0
    await world.follow(record)
    assert world.value(record, "company") == "Ours"
    assert (await world.lead(record))["lead"]["phone"] == world.value(record, "phone") == "+34655555550"
