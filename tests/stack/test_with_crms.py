"""Lead routing end to end with other systems, on the full local engine, while everything is hurt: from HubSpot's webhook to an
owner written back, and from a change in Salesforce to a business partner in SAP.

Comes after all tests that share the stack: its own processes are stopped, and an installation with other settings takes its
engine and its database over, one for each CRM.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from psycopg.rows import dict_row

from tests.simulators.hubspot import serving as serving_hubspot
from tests.simulators.hubspot.records import Stored
from tests.simulators.hubspot.telling import tell
from tests.simulators.salesforce import serving as serving_salesforce
from tests.simulators.salesforce.bus import Trouble
from tests.simulators.sap import serving as serving_sap
from tests.simulators.sap.schema import EDMX
from tests.stack.conftest import LocalStack
from tests.stack.outside import leave_to_others, working
from workers.connectors.sap.mapping import external_id

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SECRET = "app secret"
WAVE = 4
"""Leads that come at once."""
AWAY = Trouble(grpc.StatusCode.UNAVAILABLE, "service.unavailable")


@pytest.fixture(scope="module")
def engine(furnished_stack: LocalStack) -> LocalStack:
    """The shared stack's engine, database and organisation, whose reps have room for everybody."""
    leave_to_others(furnished_stack)
    with psycopg.connect(furnished_stack.settings.dsn) as connection:
        connection.execute("UPDATE routing.reps SET daily_capacity = 1000, open_capacity = 1000")
    return furnished_stack


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crm") / "home"


def invited(stack: LocalStack, invite: Callable[[str, str], str]) -> Mapping[str, str]:
    """Make every rep a user of the other system: address → the id there."""
    with psycopg.connect(stack.settings.dsn, row_factory=dict_row) as connection:
        reps = connection.execute("SELECT lower(email) AS email, name FROM routing.reps").fetchall()
    return {rep["email"]: invite(rep["email"], rep["name"]) for rep in reps}


def person() -> dict[str, str]:
    """Somebody nobody has heard of."""
    token = secrets.token_hex(4)
    return {
        "first": "Eva",
        "last": f"Beispiel-{token}",
        "email": f"eva@werke-{token}.example",
        "company": f"Werke {token}",
    }


def once(ids: Iterable[str | None]) -> bool:
    """Whether each id is there once."""
    return set(Counter(one for one in ids if one).values()) == {1}


async def test_a_contact_of_hubspot_gets_its_owner(engine: LocalStack, home: Path) -> None:
    with serving_hubspot.served() as hubspot:
        account, door = hubspot.account, hubspot.door
        account.prepare()
        owners = invited(engine, account.owner)
        settings = {
            "CRM": "hubspot",
            "HUBSPOT__BASE_URL": hubspot.url,
            "HUBSPOT__TRUSTED_HOSTS": '["127.0.0.1"]',
            "HUBSPOT__ACCESS_TOKEN": door.token,
            "HUBSPOT__CLIENT_SECRET": SECRET,
            "HUBSPOT__RECONCILE_AT": "",
        }

        contacts: list[Stored] = []  # not those that other tests' leads may get now

        def come() -> None:
            for one in [person() for _ in range(WAVE)]:
                values = {"email": one["email"], "firstname": one["first"], "lastname": one["last"],
                          "company": one["company"], "country": "Germany"}  # fmt: skip
                contacts.append(account.create("contacts", values))

        async def written() -> bool:
            return any("fairlead_status" in one.properties for one in contacts)

        async with working(engine, home, "hubspot", settings) as outside:
            hooks = f"{outside.office.settings.gateway_url}/v1/webhooks/hubspot"
            telling = asyncio.create_task(tell(account, hooks, SECRET))
            try:
                door.faults = ["502", None, "half", "lost", None, "429_secondly", "lost", "html", "500"]
                come()
                await outside.taken(1)
                await outside.kill("gateway", come)  # HubSpot tells, and nobody listens
                await outside.until(written, "an owner to be written")
                door.faults += ["lost", "502", None, "lost", "429_bare", "silent"]
                await outside.kill("dispatcher", come)
                await outside.taken(2 * WAVE + 1)
                await outside.kill("worker")
                await outside.through(3 * WAVE)
            finally:
                telling.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await telling
            leads = await outside.placed_once([one.id for one in contacts])
        assert door.faults == []
        assert outside.killed == {"gateway": 1, "dispatcher": 1, "worker": 1}
        for contact in contacts:
            lead, properties = leads[contact.id], contact.properties
            assert properties["fairlead_lead_id"] == lead["lead_id"]
            assert properties["fairlead_status"] == "accepted"
            assert properties["hubspot_owner_id"] == owners[lead["email"]]
        assert once(values.get("fairlead_change") for _, _, values in account.writes)
        assert once(one.properties.get("fairlead_lead_id") for one in account.records["contacts"].values())


async def test_a_lead_of_salesforce_gets_its_owner_and_becomes_a_partner_in_sap(engine: LocalStack, home: Path) -> None:
    if not EDMX.is_file():
        pytest.skip(f"{EDMX.name} is not beside the project, in ../shared/contracts")
    with serving_salesforce.served() as salesforce, serving_sap.served() as sap:
        org, door, bus = salesforce.org, salesforce.door, salesforce.bus
        org.prepare()
        users = invited(engine, org.person)
        address = bus.serve()
        settings = {
            "CRM": "salesforce",
            "SALESFORCE__BASE_URL": salesforce.url,
            "SALESFORCE__TRUSTED_HOSTS": '["127.0.0.1"]',
            "SALESFORCE__CLIENT_ID": door.client_id,
            "SALESFORCE__CLIENT_SECRET": door.client_secret,
            "SALESFORCE__CHANGES": "events",
            "SALESFORCE__PUBSUB_ADDRESS": address,
            "SALESFORCE__POLL_SECONDS": "1",
            "SALESFORCE__RECONCILE_AT": "",
            "SAP__BASE_URL": sap.url,
            "SAP__TRUSTED_HOSTS": '["127.0.0.1"]',
            "SAP__USERNAME": sap.door.username,
            "SAP__PASSWORD": sap.door.password,
            "SAP__SETTLING_SECONDS": "20",
        }

        records: list[dict[str, Any]] = []  # see above

        def come() -> None:
            records.extend(
                org.put("Lead", FirstName=one["first"], LastName=one["last"], Email=one["email"], Company=one["company"],
                        Country="Germany")
                for one in [person() for _ in range(WAVE)]
            )  # fmt: skip

        def convert(records: Sequence[Mapping[str, Any]]) -> None:
            for one in records:
                org.edit("Lead", one["Id"], IsConverted=True)

        async def listening() -> bool:
            return len(bus.subscriptions) > heard

        async def written() -> bool:
            return any(one["Fairlead_Status__c"] for one in records)

        async with working(engine, home, "salesforce", settings) as outside:

            async def asked_for() -> bool:
                return bool(await outside.office.rows("SELECT FROM sap.partners WHERE asked_at IS NOT NULL"))

            async def known() -> bool:
                told = await outside.office.rows(
                    "SELECT FROM sap.partners WHERE partner IS NOT NULL AND asked_at IS NULL"
                )
                return len(told) == len(won + late)

            heard = 0
            await outside.until(listening, "Salesforce's events to be asked for")
            # Its sessions end, its events break off, its answers are bad or lost, and the dispatcher dies of it.
            door.lasts = 40
            door.faults = ["502", None, "half", "401", None, "lost", "500", None, "lost"]
            bus.faults = [AWAY, None, AWAY]
            come()
            await outside.until(written, "an owner to be written")
            # It makes pauses, while nobody listens and then the worker dies.
            door.faults += ["429_bare", "lost", None, "concurrent", "silent"]
            await outside.kill("dispatcher", come)
            await outside.taken(WAVE + 1)
            await outside.kill("worker")
            # It does not tell any more, so it is asked.
            bus.stop()
            come()
            await outside.taken(3 * WAVE)
            heard, door.lasts = len(bus.subscriptions), None
            bus.serve(address)
            await outside.until(listening, "Salesforce's events to be asked for again")
            await outside.through(3 * WAVE)

            # Some convert while SAP is in a bad way, and the dispatcher dies when it has asked for one.
            won, late = records[::WAVE], records[1::WAVE]
            sap.door.faults = ["502", "html", None, "half", "session", "503"]
            sap.door.creating = ["late", "lost", "502"]
            convert(won)
            await outside.until(asked_for, "a business partner to be asked for")
            sap.door.faults += ["429_later", "lost"]
            await outside.kill("dispatcher", lambda: convert(late))
            await outside.until(known, "all business partners to be known")
            leads = await outside.placed_once([one["Id"] for one in records])
            partners = await outside.office.rows("SELECT lead_id, partner FROM sap.partners")
            told = await outside.office.rows(
                "SELECT business_id FROM runtime.timeline WHERE action = 'partner_written'"
            )
            log = (outside.office.settings.home / "logs" / "dispatcher.log").read_text()
        assert [door.faults, bus.faults, sap.door.faults, sap.door.creating] == [[], [], [], []]
        assert outside.killed == {"dispatcher": 2, "worker": 1}
        assert "salesforce_events_taken" in log, "not only those were found that were looked for"
        for record in records:
            lead = leads[record["Id"]]
            assert record["Fairlead_Lead_Id__c"] == lead["lead_id"]
            assert record["Fairlead_Status__c"] == "accepted"
            assert record["OwnerId"] == users[lead["email"]]
            assert bool(lead["converted"]) == record["IsConverted"]
        assert once(values.get("Fairlead_Change__c") for _, _, values in org.writes)
        assert once(one["Fairlead_Lead_Id__c"] for one in salesforce.leads)

        converted = [lead["Fairlead_Lead_Id__c"] for lead in won + late]
        assert {one["lead_id"]: one["partner"] for one in partners} == {
            lead_id: partner["BusinessPartner"]
            for lead_id in converted
            for partner in sap.system.partners
            if partner["BusinessPartnerIDByExtSystem"] == external_id(lead_id)
        }
        assert len(sap.system.partners) == len(converted)
        assert Counter(one["business_id"] for one in told) == dict.fromkeys(converted, 1)
