"""Lead routing with HubSpot: accounts found, owners written once, and given back to exactly who had them."""

from __future__ import annotations

from typing import cast

import pytest

from tests.simulators.hubspot.records import Stored
from tests.simulators.hubspot.serving import Simulated
from tests.unit.connectors.changes import LEAD, assign, change, send
from tests.unit.lead_routing.leads.casework import Casework
from workers.lead_routing import wiring
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import match_account
from workers.lead_routing.ports.crm import CHANNEL, CrmDown
from workers.runtime.errors import DependencyDown, PermanentError
from workers.runtime.outbox import OutboxRow
from workers.runtime.work import Work
from workers.settings import Settings


def the_contact(simulated: Simulated) -> Stored:
    [contact] = simulated.account.records["contacts"].values()
    return contact


def owner_of(simulated: Simulated, name: str) -> str:
    found: str = next(one["id"] for one in simulated.account.owners if one["firstName"] == name)
    return found


async def test_a_lead_that_hubspot_does_not_know_becomes_a_contact_with_its_owner(
    case: Casework, simulated: Simulated
) -> None:
    company = simulated.account.create("companies", {"name": "Acme", "domain": "acme.es"})
    await case.register("lead", LEAD)
    account = {"id": company.id, "name": "Acme", "owner_id": None, "owner_name": None, "match": "domain", "why": "x"}
    assert await assign(case, "ana", account=account) == {"former_owner": None}
    await case.deliver()
    contact = the_contact(simulated)
    kept = {name: value for name, value in contact.properties.items() if name != "fairlead_change"}
    assert kept == {
        "fairlead_lead_id": "lead",
        "fairlead_status": "assigned",
        "hubspot_owner_id": owner_of(simulated, "Ana"),
        "email": "ana@acme.es",
        "firstname": "Ana María",
        "lastname": "Ruiz",
        "company": "Acme",
        "country": "ES",
    }
    assert ("contacts", contact.id, "companies", company.id) in simulated.account.links


async def test_a_repeat_changes_nothing_also_when_somebody_changed_the_owner_since(
    case: Casework, simulated: Simulated
) -> None:
    row = change("c1", owner_id="ana", status="assigned", fields=LEAD)
    await send(case, row)
    contact = the_contact(simulated)
    simulated.account.change("contacts", contact, {"hubspot_owner_id": owner_of(simulated, "Zoe")})
    written = len(simulated.account.writes)
    await send(case, row)
    assert contact.properties["hubspot_owner_id"] == owner_of(simulated, "Zoe")
    assert len(simulated.account.writes) == written


async def test_a_contact_with_the_same_address_is_taken_over_and_what_people_filled_in_stays(
    case: Casework, simulated: Simulated
) -> None:
    zoe = owner_of(simulated, "Zoe")
    there = {"email": "ana@acme.es", "firstname": "Anita", "hubspot_owner_id": zoe}
    contact = simulated.account.create("contacts", there)
    await case.register("lead", LEAD)
    assert await assign(case, "ana") == {"former_owner": f"hubspot:{zoe}"}
    await case.deliver()
    assert the_contact(simulated) is contact
    assert contact.properties["firstname"] == "Anita"
    assert (contact.properties["lastname"], contact.properties["company"]) == ("Ruiz", "Acme")
    assert contact.properties["hubspot_owner_id"] == owner_of(simulated, "Ana")


@pytest.mark.parametrize("delivered", [True, False])
@pytest.mark.parametrize("former", ["Zoe", None])
async def test_undoing_restores_exactly_the_former_owner(
    case: Casework, simulated: Simulated, former: str | None, delivered: bool
) -> None:
    owner = owner_of(simulated, former) if former else ""
    contact = simulated.account.create("contacts", {"email": "ana@acme.es", "hubspot_owner_id": owner})
    await case.register("lead", LEAD)
    await assign(case, "ana")
    if delivered:
        await case.deliver()
        assert contact.properties["hubspot_owner_id"] == owner_of(simulated, "Ana")
    assert await case.run("restore_owner", lead_id="lead", round=0) == {"owner_restored": True}
    await case.deliver()
    assert contact.properties["hubspot_owner_id"] == owner
    assert contact.properties["fairlead_status"] == "new"


async def test_the_former_owner_is_seen_through_what_is_still_under_way(case: Casework, simulated: Simulated) -> None:
    await case.register("lead", LEAD)
    await assign(case, "ana")
    await case.deliver()
    await case.run("restore_owner", lead_id="lead", round=0)
    assert await assign(case, "ana", 1) == {"former_owner": None}  # HubSpot still says Ana
    await case.deliver()
    assert the_contact(simulated).properties["hubspot_owner_id"] == owner_of(simulated, "Ana")


async def test_undoing_leaves_alone_what_a_person_changed_in_hubspot(case: Casework, simulated: Simulated) -> None:
    await case.register("lead", LEAD)
    await assign(case, "ana")
    await case.deliver()
    contact = the_contact(simulated)
    simulated.account.change("contacts", contact, {"hubspot_owner_id": owner_of(simulated, "Zoe")})
    await case.run("restore_owner", lead_id="lead", round=0)
    await case.deliver()
    assert contact.properties["hubspot_owner_id"] == owner_of(simulated, "Zoe")


async def test_no_contact_is_made_only_to_say_that_a_lead_was_merged(case: Casework, simulated: Simulated) -> None:
    await send(case, change("c1", status="merged", fields={"merged_into": "other"}))
    await send(case, change("c2", status="discarded", owner_id=None))
    assert simulated.account.records["contacts"] == {}


async def test_the_newest_lead_of_a_contact_holds_it(case: Casework, simulated: Simulated) -> None:
    """An older lead's end says nothing of the contact any more."""
    await case.register("lead", LEAD)
    await assign(case, "ana")
    await case.deliver()
    contact = the_contact(simulated)
    simulated.account.change("contacts", contact, {"fairlead_lead_id": "newer", "fairlead_status": "assigned"})
    await send(case, change("late", status="discarded", owner_id=None))
    assert contact.properties["fairlead_status"] == "assigned"
    assert contact.properties["hubspot_owner_id"] == owner_of(simulated, "Ana")


async def test_a_rep_who_is_no_owner_is_said_and_nothing_is_written(case: Casework, simulated: Simulated) -> None:
    with pytest.raises(PermanentError, match="rep ben has no owner"):
        await send(case, change("c1", owner_id="ben", status="assigned", fields=LEAD))
    assert simulated.account.writes == []
    simulated.account.owner("ben@example.com", "Ben")  # invited a moment later
    await send(case, change("c1", owner_id="ben", status="assigned", fields=LEAD))
    assert the_contact(simulated).properties["hubspot_owner_id"] == owner_of(simulated, "Ben")


async def test_a_pause_keeps_rows_waiting_without_using_up_tries(case: Casework, simulated: Simulated) -> None:
    simulated.door.faults = ["429_daily"]
    for _ in range(2):
        with pytest.raises(CrmDown) as caught:
            await send(case, change("c1", owner_id="ana", fields=LEAD))
        assert isinstance(caught.value, DependencyDown)
        assert caught.value.retry_after > 600
    assert len(simulated.door.asked) == 1


async def test_what_breaks_off_in_between_is_finished_by_the_repeat(case: Casework, simulated: Simulated) -> None:
    """The contact is written, and the answer lost; then also the company is associated, and no second contact made."""
    company = simulated.account.create("companies", {"name": "Acme"})
    row = change("c1", owner_id="ana", status="assigned", fields=LEAD, account_id=company.id)
    simulated.door.faults = [None, None, "lost"]  # it is looked for, the owners are read, it is written
    with pytest.raises(CrmDown):
        await send(case, row)
    assert the_contact(simulated).properties["hubspot_owner_id"] == owner_of(simulated, "Ana")
    assert simulated.account.links == set()
    await send(case, row)
    assert ("contacts", the_contact(simulated).id, "companies", company.id) in simulated.account.links


async def test_accounts_are_found_by_domain_name_and_telephone(case: Casework, simulated: Simulated) -> None:
    account = simulated.account
    domain = account.create(
        "companies", {"name": "Sub", "domain": "acme.es", "hubspot_owner_id": owner_of(simulated, "Ana")}
    )
    name = account.create("companies", {"name": "ACME Iberia S.L.", "country": "Spain"})
    phone = account.create("companies", {"name": "Other", "phone": "+34612345678"})
    account.create("companies", {"name": "Somebody", "domain": "else.es"})
    for lead, company, owner in (
        (Lead(email="x@mail.acme.es"), domain, "ana"),
        (Lead(company="Acme Iberia", country="ES"), name, None),
        (Lead(phone="+34612345678"), phone, None),
    ):
        found = match_account(lead, await wiring.ports(case.resources, cast("Work", None)).crm.find_accounts(lead))
        assert found is not None
        assert (found.id, found.owner_id) == (company.id, owner)


async def test_an_account_is_enriched_with_its_open_deals(case: Casework, simulated: Simulated) -> None:
    account = simulated.account
    company = account.create("companies", {"name": "Acme", "numberofemployees": "120", "industry": "RETAIL"})
    for closed in ("false", "false", "true"):
        deal = account.create("deals", {"dealname": "x"})
        deal.properties["hs_is_closed"] = closed
        account._keep("deals", deal, {})  # the index learns what HubSpot works out by itself
        account.links.add(("deals", deal.id, "companies", company.id))
    given = {"id": company.id, "name": "Acme", "owner_id": None, "owner_name": None, "match": "domain", "why": "x"}
    found = await case.run("enrich_lead", lead_id="lead", lead=LEAD, account=given)
    assert found["enrichment"] == {
        "employees": 120,
        "annual_revenue_eur": None,
        "industry": "RETAIL",
        "open_opportunities": 2,
    }


async def test_a_payload_that_is_not_ours_is_refused(case: Casework) -> None:
    with pytest.raises(PermanentError, match="names no lead"):
        await send(case, OutboxRow(1, CHANNEL, "lead", "c1", {}, 0))


def test_hubspot_as_the_crm_needs_a_token() -> None:
    with pytest.raises(ValueError, match="FAIRLEAD_HUBSPOT__ACCESS_TOKEN"):
        Settings(crm="hubspot")
