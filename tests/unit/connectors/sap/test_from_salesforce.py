"""From a lead of Salesforce that is converted there to a business partner in SAP: under faults, equal at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.simulators.salesforce import serving as serving_salesforce
from tests.simulators.sap.serving import Simulated
from tests.unit.connectors.conftest import hire
from tests.unit.connectors.salesforce.conftest import settings_of as salesforce_settings
from tests.unit.connectors.sap.conftest import settings_of
from tests.unit.lead_routing.leads.casework import SLA, Casework
from workers.connectors import wiring as connectors
from workers.connectors.sap.mapping import external_id
from workers.lead_routing import wiring
from workers.runtime import courier, discovery
from workers.runtime.database import Pool
from workers.runtime.dispatcher import Dispatcher
from workers.runtime.resources import Resources
from workers.settings import Settings

LEADS = 8
OURS = "channel IN ('crm.lead', 'sap.partner')"


@pytest.fixture
def salesforce() -> Iterator[serving_salesforce.Simulated]:
    with serving_salesforce.served() as simulated:
        simulated.org.prepare()
        simulated.org.person("ana@example.com", "Ruiz", "Ana")
        yield simulated


@pytest.fixture
async def case(
    pool: Pool, simulated: Simulated, salesforce: serving_salesforce.Simulated, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Casework]:
    monkeypatch.setattr(courier, "REST_SECONDS", 0.05)
    settings = Settings(
        crm="salesforce", salesforce=salesforce_settings(salesforce), sap=settings_of(simulated, settling_seconds=0.2)
    )
    case = Casework(Resources(settings, pool))
    await hire(case, "ana")
    for one in discovery.chores("connectors", case.resources):
        await one.chore()
    yield case
    await wiring.close(case.resources)
    await connectors.close(case.resources)


@asynccontextmanager
async def dispatching(case: Casework) -> AsyncIterator[asyncio.Task[None]]:
    deliveries = {**wiring.deliveries(case.resources), **connectors.deliveries(case.resources)}
    dispatcher = Dispatcher(str(case.resources.pool.conninfo), case.resources.pool, deliveries, poll_seconds=0.05)
    running = asyncio.create_task(dispatcher.run())
    yield running
    dispatcher.stop()
    with suppress(asyncio.CancelledError):
        await running


async def until(case: Casework, query: str, *values: object) -> None:
    async with asyncio.timeout(60):
        while not await case.sql(query, *values):  # noqa: ASYNC110 - the condition lies in the database
            await asyncio.sleep(0.02)


async def look(case: Casework, until_query: str) -> None:
    """Ask Salesforce what is new, as often as it takes."""
    chore = next(one for one in discovery.chores("connectors", case.resources) if one.name == "salesforce leads").chore
    async with asyncio.timeout(60):
        while not await case.sql(until_query):
            with suppress(Exception):  # as `housekeeping.regularly` has it
                await chore()
            await case.sql("UPDATE runtime.polled SET not_before = now()")


async def test_what_is_converted_there_is_a_partner_here_once(
    case: Casework, salesforce: serving_salesforce.Simulated, simulated: Simulated
) -> None:
    for number in range(LEADS):
        salesforce.org.put("Lead", FirstName="Eva", LastName=f"Muster {number}", Email=f"eva@firm{number}.de",
                           Company=f"Firm {number}" if number else "[not provided]", Country="Germany")  # fmt: skip
    salesforce.door.faults = ["502", "half"]
    await look(case, f"SELECT FROM routing.leads OFFSET {LEADS - 1}")
    leads = [one["lead_id"] for one in await case.sql("SELECT lead_id FROM routing.leads ORDER BY raw->>'email'")]
    async with dispatching(case):
        for lead_id in leads:
            await case.run("register_lead", lead_id=lead_id, correction_sla=SLA)
            lead = (await case.lead(lead_id))["lead"]
            await case.run(
                "write_owner", lead_id=lead_id, round=0, assignment={"owner_id": "ana"}, lead=lead, account=None
            )
        await until(case, f"SELECT WHERE NOT EXISTS (SELECT FROM runtime.outbox WHERE {OURS})")

    for record in salesforce.leads:
        salesforce.org.edit("Lead", record["Id"], IsConverted=True)
    salesforce.door.faults = ["html", "401"]
    simulated.door.faults = [None, "lost", "502", "session", "half", None, "lost", "inside", "html", "lost"]
    async with dispatching(case) as first:
        await look(case, f"SELECT FROM routing.leads WHERE converted OFFSET {LEADS - 1}")
        await until(case, "SELECT FROM sap.partners")
        first.cancel()  # killed, with whatever is on its way
    async with dispatching(case):
        await until(case, f"SELECT WHERE NOT EXISTS (SELECT FROM runtime.outbox WHERE {OURS})")
    # `inside` is a refusal: its row waits for a person, who sends it again.
    for row in await case.sql("DELETE FROM runtime.dead_letters RETURNING *"):
        assert "R1/101" in row["reason"]
        await case.sql(
            "INSERT INTO runtime.outbox (channel, business_id, external_id, payload)"
            " SELECT %s, %s, %s, jsonb_build_object('lead_id', %s::text)",
            *(row["channel"], row["business_id"], row["external_id"], row["business_id"]),
        )
    async with dispatching(case):
        await until(case, f"SELECT WHERE NOT EXISTS (SELECT FROM runtime.outbox WHERE {OURS})")

    there = {one["BusinessPartnerIDByExtSystem"]: one for one in simulated.system.partners}
    assert len(simulated.system.partners) == len(there) == LEADS
    emails = {
        one["AddressID"]: one["EmailAddress"] for one in simulated.system.records["A_AddressEmailAddress"].values()
    }
    addresses = {one["BusinessPartner"]: one for one in simulated.system.records["A_BusinessPartnerAddress"].values()}
    assert len(addresses) == len(emails) == LEADS
    for record in salesforce.leads:
        partner = there[external_id(record["Fairlead_Lead_Id__c"])]
        address = addresses[partner["BusinessPartner"]]
        person = record["Company"] == "[not provided]"
        named = f"{record['FirstName']} {record['LastName']}" if person else record["Company"]
        assert (partner["BusinessPartnerCategory"], partner["BusinessPartnerFullName"]) == ("12"[not person], named)
        assert (address["Country"], emails[address["AddressID"]]) == ("DE", record["Email"])
    noted = await case.sql("SELECT partner FROM sap.partners WHERE asked_at IS NULL")
    assert {one["partner"] for one in noted} == set(addresses)
