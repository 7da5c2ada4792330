"""Both simulated CRMs in one form, so that what is the same for both is tested by the same tests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from tests.simulators.hubspot import serving as hubspot
from tests.simulators.salesforce import serving as salesforce
from tests.unit.connectors.conftest import hire
from tests.unit.connectors.conftest import settings_of as hubspot_settings
from tests.unit.connectors.salesforce.conftest import settings_of as salesforce_settings
from tests.unit.lead_routing.leads.casework import Casework
from workers.connectors import wiring as connectors
from workers.connectors.sync import making
from workers.connectors.sync.runs import Run
from workers.lead_routing import wiring
from workers.runtime.database import Pool
from workers.runtime.outbox import OutboxRow
from workers.runtime.resources import Resources
from workers.settings import Settings

REPS = ("ana", "ben")


class World(ABC):
    """A CRM, and lead routing that has it as its own. Values have the names of HubSpot's properties."""

    system: making.System
    people: dict[str, str]
    """Ids there of Ana and Ben, who are reps, and of Zoe, who is none."""
    case: Casework
    batches: str
    """A part of the address by which many records are written at once."""

    @abstractmethod
    def put(self, owner: str | None, **values: str) -> str:
        """Somebody makes a record there; its id."""

    @abstractmethod
    def edit(self, record_id: str, owner: str | None = None, **values: str) -> None:
        """Somebody changes a record there."""

    @abstractmethod
    def ends(self, record_id: str, *, converted: bool) -> None:
        """Somebody there says how the lead ended."""

    @abstractmethod
    def value(self, record_id: str, name: str) -> str | None:
        """What a record says; `lead_id`, `status` and `owner` too."""

    @abstractmethod
    def delete(self, record_id: str) -> None:
        """Somebody deletes a record there."""

    @abstractmethod
    def merge(self, winner: str, loser: str) -> str:
        """Somebody merges two records there; the id of the one that is left."""

    @abstractmethod
    def fail(self, *faults: Any) -> None:
        """The next requests fail: none, html, half, 502, 503_later, 401, daily."""

    @property
    @abstractmethod
    def writes(self) -> int:
        """How many records we wrote."""

    @abstractmethod
    def asked(self, part: str) -> int:
        """How many requests had this in their method or path."""

    async def imported(self, **options: Any) -> Run:
        return await making.importing(self.case.resources, self.system).run(
            **{"since": None, "route": False, "dry": False, **options}
        )

    async def reconciled(self, *, repair: bool = True) -> Run:
        return await making.reconciliation(self.case.resources, self.system).run(repair=repair)

    async def follow(self, *record_ids: str) -> None:
        await making.follower(self.case.resources, self.system).follow(record_ids)

    async def lead(self, record_id: str) -> dict[str, Any]:
        return await self.case.one("SELECT * FROM routing.leads WHERE external_id = %s", record_id)

    async def deliver(self, channel: str) -> None:
        """Deliver what waits on a channel."""
        deliveries = {**wiring.deliveries(self.case.resources), **connectors.deliveries(self.case.resources)}
        for row in await self.case.sql("SELECT * FROM runtime.outbox WHERE channel = %s ORDER BY id", channel):
            await deliveries[channel](
                OutboxRow(row["id"], channel, row["business_id"], row["external_id"], row["payload"], 0)
            )
            await self.case.sql("DELETE FROM runtime.outbox WHERE id = %s", row["id"])


class HubSpotWorld(World):
    system, batches = "hubspot", "/batch/update"

    def __init__(self, simulated: hubspot.Simulated, case: Casework) -> None:
        self.simulated, self.case = simulated, case
        simulated.account.prepare()
        self.people = {
            name: simulated.account.owner(f"{name}@example.com", name.title()) for name in ("ana", "ben", "zoe")
        }

    def put(self, owner: str | None, **values: str) -> str:
        owned = {"hubspot_owner_id": self.people[owner]} if owner else {}
        made = self.simulated.account.create("contacts", {**values, **owned})
        self.simulated.account.writes.pop()
        return made.id

    def edit(self, record_id: str, owner: str | None = None, **values: str) -> None:
        owned = {"hubspot_owner_id": self.people[owner]} if owner else {}
        self.simulated.account.edit("contacts", record_id, **values, **owned)

    def ends(self, record_id: str, *, converted: bool) -> None:
        stage, status = ("customer", "CONNECTED") if converted else ("lead", "UNQUALIFIED")
        self.edit(record_id, lifecyclestage=stage, hs_lead_status=status)

    def value(self, record_id: str, name: str) -> str | None:
        found = self.simulated.account.find("contacts", record_id, None)
        named = {"lead_id": "fairlead_lead_id", "status": "fairlead_status", "owner": "hubspot_owner_id"}
        value = found.properties.get(named.get(name, name)) if found else None
        return next((one for one, there in self.people.items() if there == value), None) if name == "owner" else value

    def delete(self, record_id: str) -> None:
        self.simulated.account.archive("contacts", record_id)

    def merge(self, winner: str, loser: str) -> str:
        return self.simulated.account.merge("contacts", winner, loser).id

    def fail(self, *faults: Any) -> None:
        named = {"daily": "429_daily"}
        self.simulated.door.faults = [named.get(one, one) if one else None for one in faults]

    @property
    def writes(self) -> int:
        return len(
            [one for one in self.simulated.account.writes if "fairlead_lead_id" not in one[2] or len(one[2]) > 2]
        )

    def asked(self, part: str) -> int:
        return self.simulated.asked(part)


NAMES = {"email": "Email", "firstname": "FirstName", "lastname": "LastName", "company": "Company", "phone": "Phone",
         "country": "Country", "owner": "OwnerId", "lead_id": "Fairlead_Lead_Id__c", "status": "Fairlead_Status__c"}  # fmt: skip


class SalesforceWorld(World):
    system, batches = "salesforce", "/composite/sobjects"

    def __init__(self, simulated: salesforce.Simulated, case: Casework) -> None:
        self.simulated, self.case = simulated, case
        clock = simulated.org.clock
        simulated.org.clock = lambda: clock() + len(simulated.door.asked)  # a second passes with each request
        simulated.org.prepare()
        self.people = {
            name: simulated.org.person(f"{name}@example.com", name.title()) for name in ("ana", "ben", "zoe")
        }

    def put(self, owner: str | None, **values: str) -> str:
        owned = {"OwnerId": self.people[owner]} if owner else {}
        given = {NAMES[name]: value for name, value in values.items()}
        return str(self.simulated.org.put("Lead", **{"LastName": "?", "Company": "Acme", **given, **owned})["Id"])

    def edit(self, record_id: str, owner: str | None = None, **values: str) -> None:
        owned = {"OwnerId": self.people[owner]} if owner else {}
        given = {NAMES[name]: value for name, value in values.items()}
        self.simulated.org.edit("Lead", record_id, **given, **owned)

    def ends(self, record_id: str, *, converted: bool) -> None:
        status = "Closed - Converted" if converted else "Closed - Not Converted"
        self.simulated.org.edit("Lead", record_id, IsConverted=converted, Status=status)

    def value(self, record_id: str, name: str) -> str | None:
        value = self.simulated.org.records["Lead"][record_id][NAMES[name]]
        return next((one for one, there in self.people.items() if there == value), None) if name == "owner" else value

    def delete(self, record_id: str) -> None:
        self.simulated.org.delete("Lead", record_id)

    def merge(self, winner: str, loser: str) -> str:
        self.simulated.org.delete("Lead", loser, master=winner)
        return winner

    def fail(self, *faults: Any) -> None:
        self.simulated.door.faults = list(faults)

    @property
    def writes(self) -> int:
        return len([one for one in self.simulated.org.writes if NAMES["lead_id"] not in one[2] or len(one[2]) > 2])

    def asked(self, part: str) -> int:
        return self.simulated.asked(part)


@contextmanager
def serving(system: str) -> Iterator[Any]:
    with hubspot.served() if system == "hubspot" else salesforce.served() as simulated:
        yield simulated


@asynccontextmanager
async def world_of(system: str, pool: Pool, **more: object) -> AsyncIterator[World]:
    """`more`: settings of Salesforce."""
    with serving(system) as simulated:
        connected: Any = (
            {"hubspot": hubspot_settings(simulated, client_secret="app secret")}
            if system == "hubspot"
            else {"salesforce": salesforce_settings(simulated, **more)}
        )
        case = Casework(Resources(Settings(crm=system, **connected), pool))
        await hire(case, *REPS)
        yield HubSpotWorld(simulated, case) if system == "hubspot" else SalesforceWorld(simulated, case)
        await wiring.close(case.resources)
        await connectors.close(case.resources)
