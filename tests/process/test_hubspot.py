"""Lead routing with HubSpot: from its webhook to an owner written back, and undone there."""

from __future__ import annotations

from tests.process.building import open_building
from tests.process.conftest import furnish
from tests.process.house import House
from tests.simulators.hubspot.serving import served
from tests.simulators.hubspot.telling import created, signed
from tests.unit.gateway.helpers import Board, client_of
from workers.engine.embedded import EmbeddedEngine
from workers.gateway.app import create_app

SECRET = "app secret"


async def test_a_contact_of_hubspot_gets_its_owner_there_and_loses_it_when_its_lead_is_withdrawn(
    engine: EmbeddedEngine, dsn: str
) -> None:
    with served() as hubspot:
        account, door = hubspot.account, hubspot.door
        account.prepare()
        owners = {name: account.owner(f"{name}@fairlead.example", name.title()) for name in ("ana", "ben", "zoe")}
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

            async def taken() -> bool:
                return bool(await house.rows("SELECT FROM routing.leads"))

            await house.until_async(taken, "the contact to be taken as a lead")
            lead_id = (await house.row("SELECT lead_id FROM routing.leads"))["lead_id"]
            await house.task(lead_id, "accept_lead")
            rep = (await house.state(lead_id))["owner_id"]

            await house.until(lambda: contact.properties["hubspot_owner_id"] == owners[rep], "the owner in HubSpot")
            assert contact.properties["fairlead_lead_id"] == lead_id
            await house.until(lambda: ("contacts", contact.id, "companies", company.id) in account.links, "the company")
            assert len(engine.process_instances("lead_routing")) == 1

            await house.withdraw(lead_id)
            await house.until(lambda: contact.properties["fairlead_status"] == "withdrawn", "the withdrawal in HubSpot")
            assert contact.properties["hubspot_owner_id"] == owners["zoe"]
            assert len(account.records["contacts"]) == 1
