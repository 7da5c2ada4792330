"""Lead routing with Salesforce: accounts found, owners written once, and given back to exactly who had them."""

from __future__ import annotations

import asyncio
from importlib import resources
from pathlib import Path
from typing import Any, cast

import pytest

from tests.simulators.salesforce.schema import identifier
from tests.simulators.salesforce.serving import Simulated
from tests.unit.connectors.changes import LEAD, assign, change, send
from tests.unit.connectors.salesforce.conftest import settings_of
from tests.unit.lead_routing.leads.casework import Casework
from workers.connectors.salesforce import making
from workers.connectors.salesforce.crm import SalesforceCrm
from workers.lead_routing import wiring
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import match_account
from workers.lead_routing.ports.crm import CHANNEL, CrmDown, CrmLead
from workers.office import systems
from workers.runtime.errors import DependencyDown, PermanentError
from workers.runtime.resources import Resources
from workers.runtime.work import Work
from workers.settings import Settings

RUIZ = {"LastName": "Ruiz", "Company": "Acme", "Email": "ana@acme.es"}


def the_lead(simulated: Simulated) -> dict[str, Any]:
    [lead] = simulated.leads
    return lead


def user(simulated: Simulated, name: str) -> str:
    found: str = next(one["Id"] for one in simulated.org.records["User"].values() if one["FirstName"] == name)
    return found


async def test_a_lead_that_salesforce_does_not_know_is_made_with_its_owner(
    case: Casework, simulated: Simulated
) -> None:
    account = simulated.org.put("Account", Name="Acme")
    simulated.org.assigns_to = user(simulated, "Zoe")  # rules of Salesforce's own would give it away at once
    simulated.org.duplicate_rule = "alert"
    simulated.org.put("Lead", **RUIZ, IsConverted=True)
    await case.register("lead", LEAD)
    given = {"id": account["Id"], "name": "Acme", "owner_id": None, "owner_name": None, "match": "domain", "why": "x"}
    assert await assign(case, "ana", account=given) == {"former_owner": None}
    await case.deliver()
    _converted, lead = simulated.leads
    [(_, _, written)] = simulated.org.writes
    assert {name: value for name, value in written.items() if name != "Fairlead_Change__c"} == {
        "Fairlead_Lead_Id__c": "lead",
        "Fairlead_Status__c": "assigned",
        "Fairlead_Account__c": account["Id"],
        "OwnerId": user(simulated, "Ana"),
        "Email": "ana@acme.es",
        "FirstName": "Ana María",
        "LastName": "Ruiz",
        "Company": "Acme",
        "Country": "ES",
    }
    assert lead["OwnerId"] == user(simulated, "Ana")


async def test_what_salesforce_needs_of_a_lead_and_nobody_told_is_filled_in(
    case: Casework, simulated: Simulated
) -> None:
    await send(case, change("c1", owner_id="ana", status="assigned", fields={"email": "x@acme.es"}))
    lead = the_lead(simulated)
    assert (lead["LastName"], lead["Company"]) == ("[not provided]", "[not provided]")
    lead["Company"] = "Acme"  # somebody found out
    await send(case, change("c2", owner_id="ana", status="assigned", fields={"email": "x@acme.es"}))
    assert lead["Company"] == "Acme"


async def test_a_repeat_changes_nothing_also_when_somebody_changed_the_owner_since(
    case: Casework, simulated: Simulated
) -> None:
    row = change("c1", owner_id="ana", status="assigned", fields=LEAD)
    await send(case, row)
    lead = the_lead(simulated)
    simulated.org.edit("Lead", lead["Id"], OwnerId=user(simulated, "Zoe"))
    await send(case, row)
    assert lead["OwnerId"] == user(simulated, "Zoe")
    assert len(simulated.org.writes) == 1


async def test_a_lead_with_the_same_address_is_taken_over_and_what_people_filled_in_stays(
    case: Casework, simulated: Simulated
) -> None:
    zoe = user(simulated, "Zoe")
    lead = simulated.org.put("Lead", **RUIZ, FirstName="Anita", OwnerId=zoe)
    simulated.org.put("Lead", **RUIZ, IsConverted=True)
    simulated.org.put("Lead", **RUIZ, Fairlead_Lead_Id__c="another")
    await case.register("lead", LEAD)
    assert await assign(case, "ana") == {"former_owner": f"salesforce:{zoe}"}
    await case.deliver()
    assert len(simulated.leads) == 3
    assert (lead["FirstName"], lead["Country"]) == ("Anita", "ES")
    assert (lead["OwnerId"], lead["Fairlead_Lead_Id__c"]) == (user(simulated, "Ana"), "lead")


@pytest.mark.parametrize("delivered", [True, False])
@pytest.mark.parametrize("former", ["Zoe", "queue", None])
async def test_undoing_restores_exactly_the_former_owner(
    case: Casework, ticking: Simulated, former: str | None, delivered: bool
) -> None:
    org = ticking.org
    owner = {"Zoe": user(ticking, "Zoe"), "queue": org.queue("New"), None: org.user}[former]
    lead = org.put("Lead", **RUIZ, OwnerId=owner)
    await case.register("lead", LEAD)
    await assign(case, "ana")
    if delivered:
        await case.deliver()
        assert lead["OwnerId"] == user(ticking, "Ana")
    assert await case.run("restore_owner", lead_id="lead", round=0) == {"owner_restored": True}
    await case.deliver()
    assert lead["OwnerId"] == owner
    assert lead["Fairlead_Status__c"] == "new"


async def test_the_former_owner_is_seen_through_what_is_still_under_way(case: Casework, ticking: Simulated) -> None:
    await case.register("lead", LEAD)
    await assign(case, "ana")
    await case.deliver()
    await case.run("restore_owner", lead_id="lead", round=0)
    assert await assign(case, "ana", 1) == {"former_owner": None}  # Salesforce still says Ana
    await case.deliver()
    assert the_lead(ticking)["OwnerId"] == user(ticking, "Ana")


async def test_undoing_leaves_alone_what_a_person_changed_in_salesforce(case: Casework, ticking: Simulated) -> None:
    await case.register("lead", LEAD)
    await assign(case, "ana")
    await case.deliver()
    ticking.org.edit("Lead", the_lead(ticking)["Id"], OwnerId=user(ticking, "Zoe"))
    await case.run("restore_owner", lead_id="lead", round=0)
    await case.deliver()
    assert the_lead(ticking)["OwnerId"] == user(ticking, "Zoe")


async def test_who_changes_the_owner_between_our_look_and_our_write_is_not_overwritten(
    case: Casework, ticking: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not written, and looked at anew: now it is somebody else's."""
    await send(case, change("c1", owner_id="ana", status="assigned", fields=LEAD))
    lead, zoe = the_lead(ticking), user(ticking, "Zoe")
    undo = change("c2", only_if_owner="ana", owner_id=None, status="new")
    find = ticking.org.find

    def read_then_changed(kind: str, key: str, value: str) -> Any:
        if key == "Id":  # the write finds its record; just before, a person was quicker
            monkeypatch.setattr(ticking.org, "find", find)
            ticking.org.edit("Lead", lead["Id"], OwnerId=zoe)
        return find(kind, key, value)

    monkeypatch.setattr(ticking.org, "find", read_then_changed)
    with pytest.raises(CrmDown, match="somebody changed"):
        await send(case, undo)
    await send(case, undo)
    assert lead["OwnerId"] == zoe
    assert len(ticking.org.writes) == 1


async def test_what_changed_this_very_second_is_read_again_when_it_matters_whose_it_is(
    case: Casework, simulated: Simulated
) -> None:
    """Salesforce compares in whole seconds: a change in the same one could not be told."""
    now = 1_800_000_000.0
    simulated.org.clock = lambda: now
    await send(case, change("c1", owner_id="ana", status="assigned", fields=LEAD))
    undo = change("c2", only_if_owner="ana", owner_id=None, status="new")
    with pytest.raises(CrmDown, match="this very second"):
        await send(case, undo)
    now += 1
    await send(case, undo)
    assert the_lead(simulated)["OwnerId"] == simulated.org.user


async def test_no_lead_is_made_only_to_say_that_one_was_merged(case: Casework, simulated: Simulated) -> None:
    await send(case, change("c1", status="merged", fields={"merged_into": "other"}))
    await send(case, change("c2", status="discarded", owner_id=None))
    assert simulated.leads == []


async def test_a_rep_who_is_no_user_is_said_and_nothing_is_written(case: Casework, simulated: Simulated) -> None:
    simulated.org.person("ben@example.com", "Gone", "Ben", IsActive=False)
    simulated.org.person("ben@example.com", "Portal", "Ben", UserType="PowerPartner")
    with pytest.raises(PermanentError, match="rep ben has no owner in Salesforce"):
        await send(case, change("c1", owner_id="ben", status="assigned", fields=LEAD))
    assert simulated.org.writes == []
    ben = simulated.org.person("Ben@example.com", "Here", "Ben")  # invited a moment later
    await send(case, change("c1", owner_id="ben", status="assigned", fields=LEAD))
    assert the_lead(simulated)["OwnerId"] == ben


async def test_leads_that_nobody_owns_lie_in_the_queue_of_the_mapping(
    case: Casework, ticking: Simulated, tmp_path: Path
) -> None:
    queue = ticking.org.queue("Unassigned_Leads")
    ours = resources.files("workers.connectors.salesforce").joinpath("mapping.yaml").read_text(encoding="utf-8")
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(ours.replace("# queue:", "queue:"), encoding="utf-8")
    settings = Settings(crm="salesforce", salesforce=settings_of(ticking, mapping=str(mapping)))
    apart = Resources(settings, case.resources.pool)
    try:
        deliver = wiring.deliveries(apart)[CHANNEL]
        await deliver(change("c1", owner_id=None, status="new", fields=LEAD))
        assert the_lead(ticking)["OwnerId"] == queue
        salesforce = making.salesforce(apart, systems.crm(apart), seconds=5)
        found = await SalesforceCrm(salesforce, nothing_pending).lead("lead")
        assert found == CrmLead(owner_id=None, status="new")
    finally:
        await wiring.close(apart)
        await systems.close(apart)


async def nothing_pending(_lead_id: str) -> list[dict[str, Any]]:
    return []


async def test_a_pause_keeps_rows_waiting_without_using_up_tries(case: Casework, simulated: Simulated) -> None:
    simulated.door.faults = ["daily"]
    for _ in range(2):
        with pytest.raises(CrmDown) as caught:
            await send(case, change("c1", owner_id="ana", fields=LEAD))
        assert isinstance(caught.value, DependencyDown)
        assert caught.value.retry_after > 600
    assert simulated.asked("services/data") == 1


async def test_what_breaks_off_in_between_is_finished_by_the_repeat(case: Casework, simulated: Simulated) -> None:
    row = change("c1", owner_id="ana", status="assigned", fields=LEAD)
    simulated.door.faults = [None, None, "lost"]  # it is looked for, the users are read, it is written
    with pytest.raises(CrmDown):
        await send(case, row)
    await send(case, row)
    assert the_lead(simulated)["OwnerId"] == user(simulated, "Ana")
    assert len(simulated.org.writes) == 1


async def test_a_locked_account_is_tried_again_and_does_not_count_as_salesforce_away(
    case: Casework, simulated: Simulated
) -> None:
    account = simulated.org.put("Account", Name="Acme")
    row = change("c1", owner_id="ana", status="assigned", fields=LEAD, account_id=account["Id"])
    simulated.org.locks[account["Id"]] = 7  # more than a breaker would stand
    for _ in range(7):
        with pytest.raises(CrmDown, match="in hand") as locked:
            await send(case, row)
        assert not isinstance(locked.value, DependencyDown)
    await send(case, row)
    assert the_lead(simulated)["Fairlead_Account__c"] == account["Id"]


async def test_leads_of_one_account_are_written_one_after_the_other(case: Casework, simulated: Simulated) -> None:
    account = simulated.org.put("Account", Name="Acme")
    simulated.org.slow_seconds = 0.03
    await asyncio.gather(
        *(
            send(
                case,
                change(
                    f"c{number}", f"lead-{number}", owner_id="ana", fields={"name": "Ana"}, account_id=account["Id"]
                ),
            )
            for number in range(5)
        )
    )
    assert len(simulated.leads) == 5


async def test_a_converted_lead_is_said_to_be_one(case: Casework, simulated: Simulated) -> None:
    await send(case, change("c1", owner_id="ana", status="assigned", fields=LEAD))
    the_lead(simulated)["IsConverted"] = True
    with pytest.raises(PermanentError, match="was converted in Salesforce"):
        await send(case, change("c2", status="accepted"))


async def test_accounts_are_found_by_domain_name_and_telephone(case: Casework, simulated: Simulated) -> None:
    org = simulated.org
    domain = org.put("Account", Name="Sub", Website="https://www.acme.es/en", OwnerId=user(simulated, "Ana"))
    name = org.put("Account", Name="ACME Iberia S.L.", BillingCountry="Spain", OwnerId=user(simulated, "Zoe"))
    phone = org.put("Account", Name="Other", Phone="+34612345678")
    org.put("Account", Name="Somebody", Website="else.es")
    org.put("Account", Name="Near", Website="notacme.es")
    zoe = f"salesforce:{user(simulated, 'Zoe')}"
    for lead, account, owner in (
        (Lead(email="x@mail.acme.es"), domain, "ana"),
        (Lead(company="Acme Iberia", country="ES"), name, zoe),
        (Lead(phone="+34612345678"), phone, None),
    ):
        found = match_account(lead, await wiring.ports(case.resources, cast("Work", None)).crm.find_accounts(lead))
        assert found is not None
        assert (found.id, found.owner_id) == (account["Id"], owner)
    assert await wiring.ports(case.resources, cast("Work", None)).crm.find_accounts(Lead(name="Ana")) == []


async def test_an_account_is_enriched_with_its_open_opportunities(case: Casework, simulated: Simulated) -> None:
    account = simulated.org.put("Account", Name="Acme", NumberOfEmployees=120, Industry="Retail", AnnualRevenue=9.5)
    for stage in ("Prospecting", "Proposal", "Closed Won"):
        simulated.org.put("Opportunity", Name="x", StageName=stage, AccountId=account["Id"])
    simulated.org.put("Opportunity", Name="y", StageName="Proposal")
    given = {"id": account["Id"], "name": "Acme", "owner_id": None, "owner_name": None, "match": "domain", "why": "x"}
    found = await case.run("enrich_lead", lead_id="lead", lead=LEAD, account=given)
    assert found["enrichment"] == {
        "employees": 120,
        "annual_revenue_eur": None,
        "industry": "Retail",
        "open_opportunities": 2,
    }
    crm = wiring.ports(case.resources, cast("Work", None)).crm
    assert await crm.enrichment(identifier("001", 99_999)) is None


async def test_both_ways_of_a_process_share_what_is_the_organisations(case: Casework, simulated: Simulated) -> None:
    await send(case, change("c1", owner_id="ana", status="assigned", fields=LEAD))
    await wiring.ports(case.resources, cast("Work", None)).crm.find_accounts(Lead(phone="+34612345678"))
    assert simulated.asked("oauth2") == 1
