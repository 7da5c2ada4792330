"""New leads of Salesforce become leads here, each once, and never from our own writing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.simulators.salesforce.serving import Simulated
from tests.unit.connectors.salesforce.conftest import settings_of
from tests.unit.lead_routing.leads.casework import Casework
from workers.connectors.salesforce import intake
from workers.lead_routing import wiring
from workers.lead_routing.ports.crm import CHANNEL, CrmResting
from workers.runtime import discovery
from workers.runtime.outbox import OutboxRow
from workers.runtime.resources import Regular, Resources
from workers.settings import Regions, Settings

NEW = {"FirstName": "Zoë", "LastName": "Stone", "Email": "zoe.stone@acme.es", "Company": "Acme", "Country": "Spain",
       "Title": "CFO", "NumberOfEmployees": 40, "Website": "acme.es"}  # fmt: skip


def the_look(case: Casework) -> Regular:
    return next(one for one in discovery.chores("connectors", case.resources) if one.name == "salesforce leads")


async def look(case: Casework) -> int:
    """As a dispatcher does, and at once again."""
    taken = await the_look(case).chore()
    await case.sql("UPDATE runtime.polled SET not_before = now()")
    return taken


async def started(case: Casework) -> list[str]:
    rows = await case.sql("SELECT business_id FROM runtime.outbox WHERE channel = 'zeebe.message' ORDER BY id")
    return [row["business_id"] for row in rows]


@pytest.fixture
async def watching(case: Casework, simulated: Simulated) -> Casework:
    """It has looked once; what is there since before is left alone."""
    simulated.org.clock, clock = (lambda: clock() - 60.0), simulated.org.clock
    simulated.org.put("Lead", LastName="Old", Company="Acme")
    simulated.org.clock = clock
    assert await look(case) == 0
    return case


async def test_each_new_lead_is_taken_once_with_the_mapped_fields(watching: Casework, simulated: Simulated) -> None:
    lead = simulated.org.put("Lead", **NEW)
    assert [await look(watching) for _ in range(3)] == [1, 0, 0]
    [row] = await watching.sql("SELECT * FROM routing.leads")
    assert await started(watching) == [row["lead_id"]]
    assert row["raw"] == {
        "source": "salesforce",
        "external_id": lead["Id"],
        "channel": "crm",
        "name": "Zoë Stone",
        "email": "zoe.stone@acme.es",
        "company": "Acme",
        "country": "Spain",
        "website": "acme.es",
        "attributes": {"Title": "CFO", "NumberOfEmployees": "40"},
    }


async def test_a_lead_of_another_region_is_left_to_it_until_its_country_is_corrected(
    watching: Casework, simulated: Simulated
) -> None:
    watching.resources.settings.regions = Regions(here="iberia", countries={"iberia": ["ES"]}, otherwise="rest")
    lead = simulated.org.put("Lead", **{**NEW, "Country": "Brazil"})
    assert [await look(watching) for _ in range(2)] == [0, 0]
    simulated.org.edit("Lead", lead["Id"], Country="Spain")
    assert [await look(watching) for _ in range(2)] == [1, 0]
    assert len(await started(watching)) == 1


async def test_what_was_made_before_stays_alone_also_when_it_is_changed_now(
    watching: Casework, simulated: Simulated
) -> None:
    [old] = simulated.leads
    simulated.org.edit("Lead", old["Id"], City="Vigo")
    assert await look(watching) == 0


async def test_its_owner_is_written_back_to_the_same_lead(watching: Casework, simulated: Simulated) -> None:
    lead = simulated.org.put("Lead", LastName="Stone", Company="Acme")  # no address to find it by
    assert await look(watching) == 1
    [lead_id] = await started(watching)
    await watching.run("register_lead", lead_id=lead_id, correction_sla={"remind": 1, "due": 2, "escalate": 3})
    known = (await watching.lead(lead_id))["lead"]
    await watching.run(
        "write_owner", lead_id=lead_id, round=0, assignment={"owner_id": "ana"}, lead=known, account=None
    )
    [row] = await watching.sql("SELECT * FROM runtime.outbox WHERE channel = %s", CHANNEL)
    await wiring.deliveries(watching.resources)[CHANNEL](
        OutboxRow(row["id"], row["channel"], row["business_id"], row["external_id"], row["payload"], 0)
    )
    assert len(simulated.leads) == 2
    assert lead["Fairlead_Lead_Id__c"] == lead_id
    assert simulated.org.records["User"][lead["OwnerId"]]["Email"] == "Ana@example.com"
    assert await look(watching) == 0  # our own echo


async def test_a_lead_that_fairlead_made_starts_nothing(watching: Casework, simulated: Simulated) -> None:
    """Taken, it would go round for ever."""
    fields = {"name": "Ana", "email": "ana@acme.es"}
    row = OutboxRow(1, CHANNEL, "lead", "c1", {"lead_id": "lead", "owner_id": "ana", "fields": fields}, 0)
    await wiring.deliveries(watching.resources)[CHANNEL](row)
    assert len(simulated.leads) == 2
    assert await look(watching) == 0


async def test_what_became_of_our_leads_is_noted_once_and_a_later_word_from_elsewhere_stays(
    watching: Casework, simulated: Simulated
) -> None:
    for lead_id in ("won", "lost"):
        await watching.receive(lead_id, {})
        simulated.org.put("Lead", LastName=lead_id, Company="Acme", Fairlead_Lead_Id__c=lead_id)
    simulated.org.put("Lead", LastName="x", Company="Acme", Fairlead_Lead_Id__c="of another database", IsConverted=True)
    assert await look(watching) == 0
    _old, won, lost, _other = simulated.leads
    simulated.org.edit("Lead", won["Id"], IsConverted=True)
    simulated.org.edit("Lead", lost["Id"], Status="Closed - Not Converted")
    assert [await look(watching), await look(watching)] == [2, 0]
    rows = await watching.sql("SELECT lead_id, converted, outcome_at FROM routing.leads ORDER BY lead_id")
    assert [(row["lead_id"], row["converted"]) for row in rows] == [("lost", False), ("won", True)]
    assert rows[1]["outcome_at"].timestamp() == won["SystemModstamp"]
    assert "outcome_recorded" in await watching.actions("won")
    await watching.sql("UPDATE routing.leads SET converted = false WHERE lead_id = 'won'")
    assert await look(watching) == 0
    assert (await watching.lead("won"))["converted"] is False
    simulated.org.edit("Lead", lost["Id"], IsConverted=True)  # after all
    assert await look(watching) == 1
    assert (await watching.lead("lost"))["converted"] is True


async def test_a_change_that_shows_up_late_is_still_found(watching: Casework, simulated: Simulated) -> None:
    """A transaction of minutes: its lead has an earlier stamp than what was seen already."""
    clock = simulated.org.clock
    ahead = intake.OVERLAP.total_seconds() - 30
    simulated.org.clock = lambda: clock() + ahead
    simulated.org.put("Lead", **NEW)
    assert await look(watching) == 1
    simulated.org.clock = clock
    simulated.org.put("Lead", LastName="Late", Company="Acme")
    assert await look(watching) == 1


async def test_many_at_once_are_taken_page_by_page_and_a_failure_loses_none(
    watching: Casework, simulated: Simulated
) -> None:
    simulated.door.page = 200
    for number in range(450):
        simulated.org.put("Lead", LastName=f"L{number}", Company="Acme")
    simulated.door.faults = [None, "502"]  # the second page
    assert await look(watching) == 0
    assert len(await started(watching)) == 200
    assert await look(watching) == 250
    assert len(await started(watching)) == 450


async def test_of_two_dispatchers_one_looks(watching: Casework, simulated: Simulated) -> None:
    chore = the_look(watching)
    simulated.org.put("Lead", **NEW)
    assert [await chore.chore(), await chore.chore()] == [1, 0]
    assert simulated.asked("query") == 2  # once for the fixture


async def test_who_died_while_looking_is_waited_for(watching: Casework, simulated: Simulated) -> None:
    await watching.sql("UPDATE runtime.polled SET not_before = now() + %s", timedelta(seconds=intake.HELD_SECONDS))
    simulated.org.put("Lead", **NEW)
    chore = the_look(watching)
    assert await chore.chore() == 0
    await watching.sql("UPDATE runtime.polled SET not_before = now()")
    assert await chore.chore() == 1


async def test_another_organisation_is_another_beginning(watching: Casework, simulated: Simulated) -> None:
    """A sandbox exchanged for production: its leads of before are not ours to route."""
    simulated.org.org_id = "00D000000000002AAA"
    simulated.door.sessions.clear()
    assert await look(watching) == 0
    assert len(await watching.sql("SELECT FROM runtime.polled")) == 1  # the session that held until then
    assert await look(watching) == 0
    assert len(await watching.sql("SELECT FROM runtime.polled")) == 2


async def test_a_pause_is_the_chores_own_and_a_refusal_is_logged(watching: Casework, simulated: Simulated) -> None:
    simulated.org.forbidden.add(("Lead", "queryable"))
    assert await look(watching) == 0
    simulated.org.forbidden.clear()
    simulated.door.faults = ["daily"]
    with pytest.raises(CrmResting):
        await look(watching)


async def test_odd_values_and_five_hundred_unknown_fields_are_taken(
    watching: Casework, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, unknown = simulated.org.shown, {f"Custom_{number}__c": "x" for number in range(500)}
    monkeypatch.setattr(simulated.org, "shown", lambda *given: {**shown(*given), **unknown})
    odd = {"Company": "C" * 20_000, "Description": "=HYPERLINK(1)", "FirstName": "Zo\0e\N{COMBINING DIAERESIS} 🦊"}
    simulated.org.put("Lead", **{**NEW, **odd})
    assert await look(watching) == 1
    [row] = await watching.sql("SELECT raw FROM routing.leads")
    raw: dict[str, Any] = row["raw"]
    assert "company" not in raw  # no company has such a name; a person is asked if it matters
    assert raw["message"] == "=HYPERLINK(1)"
    assert raw["name"] == "Zo\N{REPLACEMENT CHARACTER}e\N{COMBINING DIAERESIS} 🦊 Stone"
    assert len(raw) < 15


async def test_nothing_is_looked_for_by_who_is_not_connected_or_wants_no_leads(
    case: Casework, simulated: Simulated
) -> None:
    for more in ({"client_id": None}, {"take_leads": False}):
        alone = Settings(salesforce=settings_of(simulated, **more))
        assert discovery.chores("connectors", Resources(alone, case.resources.pool)) == []
