"""Lead routing with another CRM: from its new record to an owner written back, and undone there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.process.building import open_building
from tests.process.conftest import furnish
from tests.process.house import House
from tests.simulators.hubspot import serving as serving_hubspot
from tests.simulators.hubspot.telling import created, signed
from tests.simulators.salesforce import serving as serving_salesforce
from tests.unit.gateway.helpers import Board, client_of
from workers.engine.embedded import EmbeddedEngine
from workers.gateway.app import create_app
from workers.runtime import discovery
from workers.runtime.housekeeping import ended, regularly

SECRET = "app secret"
REPS = ("ana", "ben", "zoe")


async def routed_and_withdrawn(
    house: House,
    owner: Callable[[], str],
    kept: Callable[[str], str | None],
    account: Callable[[], bool],
    people: dict[str, str],
) -> None:
    """The record becomes a lead, gets its rep as its owner, and its former one, Zoe, back.

    `owner`: whose the record is there; `kept`: what we keep on it; `account`: whether it has the right one; `people`: ids
    there of our reps.
    """

    async def taken() -> bool:
        return bool(await house.rows("SELECT FROM routing.leads"))

    await house.until_async(taken, "the record to be taken as a lead")
    lead_id = (await house.row("SELECT lead_id FROM routing.leads"))["lead_id"]
    await house.task(lead_id, "accept_lead")
    rep = (await house.state(lead_id))["owner_id"]
    await house.until(lambda: owner() == people[rep], "the owner in the CRM")
    assert kept("lead_id") == lead_id
    await house.until(account, "the account in the CRM")
    assert len(house.engine.process_instances("lead_routing")) == 1

    await house.withdraw(lead_id)
    await house.until(lambda: kept("status") == "withdrawn", "the withdrawal in the CRM")
    assert owner() == people["zoe"]


async def test_a_contact_of_hubspot(engine: EmbeddedEngine, dsn: str) -> None:
    with serving_hubspot.served() as hubspot:
        account, door = hubspot.account, hubspot.door
        account.prepare()
        owners = {name: account.owner(f"{name}@fairlead.example", name.title()) for name in REPS}
        connected = {
            "base_url": hubspot.url,
            "trusted_hosts": ["127.0.0.1"],
            "access_token": door.token,
            "client_secret": SECRET,
        }
        async with open_building(House, engine, dsn, crm="hubspot", hubspot=connected) as house:
            await furnish(house)
            await house.serve()
            company = account.create("companies", {"name": "Beispiel Werke", "domain": "beispiel-werke.example"})
            contact = account.create(
                "contacts",
                {"email": "eva@beispiel-werke.example", "firstname": "Eva", "lastname": "Beispiel", "country": "Germany",
                 "hubspot_owner_id": owners["zoe"]},
            )  # fmt: skip
            door.faults = ["502", "half", "429_secondly"]  # for who reads the contact
            body = created([contact.id])
            headers = signed(SECRET, f"{house.settings.gateway_url}/v1/webhooks/hubspot", body)
            async with client_of(create_app(house.settings, house.pool, Board())) as http:
                for _ in range(3):
                    assert (await http.post("/v1/webhooks/hubspot", content=body, headers=headers)).status_code == 202
            await routed_and_withdrawn(
                house,
                lambda: contact.properties["hubspot_owner_id"],
                lambda name: contact.properties.get(f"fairlead_{name}"),
                lambda: ("contacts", contact.id, "companies", company.id) in account.links,
                owners,
            )
            assert len(account.records["contacts"]) == 1


async def test_a_lead_of_salesforce(engine: EmbeddedEngine, dsn: str) -> None:
    with serving_salesforce.served() as salesforce:
        org, door = salesforce.org, salesforce.door
        org.prepare()
        users = {name: org.person(f"{name}@fairlead.example", name.title()) for name in REPS}
        connected = {
            "base_url": salesforce.url,
            "trusted_hosts": ["127.0.0.1"],
            "client_id": door.client_id,
            "client_secret": door.client_secret,
            "poll_seconds": 1,
        }
        async with open_building(House, engine, dsn, crm="salesforce", salesforce=connected) as house:
            await furnish(house)
            await house.serve()
            one = next(one for one in discovery.chores("connectors", house.resources) if one.name == "salesforce leads")
            looking = asyncio.create_task(regularly(one.name, one.seconds, one.chore))
            try:
                await house.until_async(lambda: house.rows("SELECT FROM runtime.polled"), "the first look")
                account = org.put("Account", Name="Beispiel Werke", Website="www.beispiel-werke.example")
                lead = org.put("Lead", Email="eva@beispiel-werke.example", FirstName="Eva", LastName="Beispiel",
                               Company="Beispiel Werke", Country="Germany", OwnerId=users["zoe"])  # fmt: skip
                door.faults = ["502", "half", "401"]
                door.lasts = 5  # its session ends again and again
                await routed_and_withdrawn(
                    house,
                    lambda: str(lead["OwnerId"]),
                    lambda name: lead[{"lead_id": "Fairlead_Lead_Id__c", "status": "Fairlead_Status__c"}[name]],
                    lambda: lead["Fairlead_Account__c"] == account["Id"],
                    users,
                )
                assert len(salesforce.leads) == 1
            finally:
                await ended([looking])
