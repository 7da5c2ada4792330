"""From a webhook of HubSpot to a lead that is started once, and never from our own writing."""

from __future__ import annotations

import httpx
import pytest

from tests.simulators.hubspot.serving import Simulated
from tests.simulators.hubspot.telling import created, signed
from tests.unit.gateway.helpers import Board, client_of
from tests.unit.lead_routing.leads.casework import Casework
from workers.connectors import wiring as connectors
from workers.connectors.hubspot.contacts import SETTLE_SECONDS
from workers.connectors.hubspot.events import CHANNEL
from workers.gateway.app import create_app
from workers.lead_routing import wiring
from workers.lead_routing.ports import crm
from workers.lead_routing.ports.crm import CrmDown
from workers.runtime.outbox import OutboxRow
from workers.runtime.resources import Resources


async def told(case: Casework, *contact_ids: str, attempt: int = 0) -> httpx.Response:
    app = create_app(case.resources.settings, case.resources.pool, Board())
    body = created(contact_ids, attempt=attempt)
    uri = f"{case.resources.settings.gateway_url}/v1/webhooks/hubspot"
    async with client_of(app) as client:
        return await client.post("/v1/webhooks/hubspot", content=body, headers=signed("app secret", uri, body))


async def take_in(case: Casework) -> None:
    """Deliver the rows of new contacts; those for the engine stay, where they can be seen."""
    deliver = connectors.deliveries(case.resources)[CHANNEL]
    for row in await case.sql("SELECT * FROM runtime.outbox WHERE channel = %s ORDER BY id", CHANNEL):
        await deliver(
            OutboxRow(row["id"], CHANNEL, row["business_id"], row["external_id"], row["payload"], row["tries"])
        )
        await case.sql("DELETE FROM runtime.outbox WHERE id = %s", row["id"])


async def started(case: Casework) -> list[str]:
    rows = await case.sql("SELECT business_id FROM runtime.outbox WHERE channel = 'zeebe.message' ORDER BY id")
    return [row["business_id"] for row in rows]


CONTACT = {
    "email": "Zoë.Stone@Acme.es",
    "firstname": "Zoë",
    "lastname": "Stone",
    "company": "Acme",
    "country": "Spain",
    "jobtitle": "CFO",
    "city": "Vigo",
}


async def test_a_new_contact_is_a_lead_that_starts_once(case: Casework, simulated: Simulated) -> None:
    contact = simulated.account.create("contacts", CONTACT)
    for attempt in range(3):
        assert (await told(case, contact.id, attempt=attempt)).status_code == 202
        await take_in(case)
    [lead] = await case.sql("SELECT * FROM routing.leads")
    assert await started(case) == [lead["lead_id"]]
    assert (lead["source"], lead["external_id"]) == ("hubspot", contact.id)
    assert lead["raw"] == {
        "source": "hubspot",
        "external_id": contact.id,
        "channel": "crm",
        "name": "Zoë Stone",
        "email": "zoë.stone@acme.es",
        "company": "Acme",
        "country": "Spain",
        "attributes": {"jobtitle": "CFO"},
    }


async def test_its_owner_is_written_back_to_the_same_contact(case: Casework, simulated: Simulated) -> None:
    contact = simulated.account.create(
        "contacts", {"firstname": "Ana", "phone": "+34612345678"}
    )  # no address to find it by
    lead_id = await assigned(case, contact.id)
    assert len(simulated.account.records["contacts"]) == 1
    assert contact.properties["fairlead_lead_id"] == lead_id
    assert contact.properties["hubspot_owner_id"] == simulated.account.owners[0]["id"]


async def assigned(case: Casework, contact_id: str) -> str:
    """A new contact's lead, once it was given to Ana and HubSpot knows."""
    await told(case, contact_id)
    await take_in(case)
    [lead_id] = await started(case)
    await case.run("register_lead", lead_id=lead_id, correction_sla={"remind": 1, "due": 2, "escalate": 3})
    lead = (await case.lead(lead_id))["lead"]
    await case.run("write_owner", lead_id=lead_id, round=0, assignment={"owner_id": "ana"}, lead=lead, account=None)
    [row] = await case.sql("SELECT * FROM runtime.outbox WHERE channel = %s", crm.CHANNEL)
    await wiring.deliveries(case.resources)[crm.CHANNEL](
        OutboxRow(row["id"], row["channel"], row["business_id"], row["external_id"], row["payload"], 0)
    )
    await case.sql("DELETE FROM runtime.outbox WHERE id = %s", row["id"])
    return lead_id


async def test_a_contact_that_fairlead_made_starts_nothing(case: Casework, simulated: Simulated) -> None:
    """HubSpot tells of it as of any other: taken, it would go round for ever."""
    await case.register("lead", {"name": "Ana", "email": "ana@acme.es"})
    lead = {"name": "Ana", "email": "ana@acme.es"}
    await case.run("write_owner", lead_id="lead", round=0, assignment={"owner_id": "ana"}, lead=lead)
    await case.deliver()
    [echo] = simulated.account.created_contacts
    await told(case, echo)
    await take_in(case)
    assert await started(case) == []


async def test_a_contact_that_is_gone_starts_nothing_but_one_that_may_still_come_is_waited_for(
    case: Casework, simulated: Simulated
) -> None:
    deliver = connectors.deliveries(case.resources)[CHANNEL]
    payload = {"contact_id": "4711"}
    with pytest.raises(CrmDown, match="yet"):
        await deliver(OutboxRow(1, CHANNEL, "hubspot:4711", "7:4711", payload, 0, age_seconds=1.0))
    await deliver(OutboxRow(1, CHANNEL, "hubspot:4711", "7:4711", payload, 0, age_seconds=SETTLE_SECONDS))
    assert await case.sql("SELECT FROM routing.leads") == []


async def test_a_contact_with_odd_values_and_five_hundred_more_fields_is_taken(
    case: Casework, simulated: Simulated
) -> None:
    contact = simulated.account.create(
        "contacts", {**CONTACT, "company": "C" * 20_000, "message": "=HYPERLINK(1)", "firstname": "\u202eA\0na"}
    )
    contact.properties |= {f"custom_{number}": "x" for number in range(500)}
    await told(case, contact.id)
    await take_in(case)
    [lead] = await case.sql("SELECT raw FROM routing.leads")
    assert "company" not in lead["raw"]  # no company has such a name; a person is asked if it matters
    assert lead["raw"]["message"] == "=HYPERLINK(1)"
    assert lead["raw"]["name"].startswith("\u202eA\N{REPLACEMENT CHARACTER}na")
    assert len(lead["raw"]) < 12


async def test_how_its_lead_ended_is_noted_once_and_a_later_word_replaces_an_earlier_one(
    case: Casework, simulated: Simulated
) -> None:
    contact = simulated.account.create("contacts", CONTACT)
    await assigned(case, contact.id)
    deliver = connectors.deliveries(case.resources)[CHANNEL]

    async def becomes(**properties: str) -> bool | None:
        contact.properties |= properties
        for number in range(2):  # HubSpot may tell of it again
            payload = {"contact_id": contact.id, "changed": True}
            await deliver(OutboxRow(number, CHANNEL, f"hubspot:{contact.id}", f"7:{number}", payload, 0))
        [lead] = await case.sql("SELECT converted FROM routing.leads")
        converted: bool | None = lead["converted"]
        return converted

    assert await becomes(hs_lead_status="OPEN") is None
    assert await becomes(hs_lead_status="UNQUALIFIED") is False
    assert await becomes(lifecyclestage="customer") is True
    noted = await case.sql("SELECT actor FROM runtime.timeline WHERE action = 'outcome_recorded'")
    assert [one["actor"] for one in noted] == ["hubspot", "hubspot"]


async def test_nothing_is_delivered_for_who_is_not_connected(case: Casework) -> None:
    alone = case.resources.settings.model_copy(update={"crm": "postgresql"})
    alone.hubspot = alone.hubspot.model_copy(update={"access_token": None, "client_secret": None})
    assert connectors.deliveries(Resources(alone, case.resources.pool)).keys() == {"webhook:*", "chat:*"}  # by name
