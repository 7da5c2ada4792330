"""Both simulated CRMs with accounts whose owners are published, in one form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from typing import Any, cast

from psycopg.types.json import Jsonb

from tests.casework import Case
from tests.simulators.hubspot import serving as hubspot
from tests.simulators.salesforce import serving as salesforce
from tests.unit.connectors.conftest import settings_of as hubspot_settings
from tests.unit.connectors.salesforce.conftest import settings_of as salesforce_settings
from workers.connectors import making
from workers.connectors.publishing.publisher import Publisher
from workers.connectors.targets import account_owners
from workers.office.outside_targets import Wanted
from workers.office.publication import Word
from workers.runtime.database import Pool
from workers.runtime.errors import TransientError
from workers.runtime.outbox import OutboxRow
from workers.runtime.resources import Resources
from workers.settings import Settings
from workers.territory_alignment import wiring

REPS = ("ana", "ben", "cem")
_numbers = count(1)


class Market(ABC):
    """A CRM; Ana, Ben and Cem are reps who are owners there, Zoe is an owner and no rep, Dan a rep and no owner."""

    writes_of: str
    """A part of the address by which many records are written at once."""
    people: dict[str, str]
    resources: Resources
    publisher: Publisher

    @abstractmethod
    def company(self, owner: str | None, **more: Any) -> str:
        """An account's id."""

    @abstractmethod
    def give(self, company: str, owner: str) -> None:
        """Somebody gives an account to somebody there."""

    @abstractmethod
    def owner(self, company: str) -> str | None:
        """Whose an account is there."""

    @abstractmethod
    def delete(self, company: str) -> None:
        """Somebody deletes an account there."""

    @property
    @abstractmethod
    def writes(self) -> list[str]:
        """Ids of accounts that we wrote, one for each time."""

    @abstractmethod
    def fail(self, *faults: Any) -> None:
        """The next requests fail."""

    def owners(self, companies: list[str]) -> list[str | None]:
        return [self.owner(one) for one in companies]

    async def put(self, change: str, wanted: Wanted, scope: str = "north") -> Word:
        return await self.publisher.put(change, scope, f"v-{change}", wanted)

    async def take_back(self, change: str, scope: str = "north") -> Word:
        return await self.publisher.take_back(change, scope)


class SalesforceMarket(Market):
    writes_of = "PATCH /services/data/v62.0/composite/sobjects"

    def __init__(self, simulated: salesforce.Simulated) -> None:
        self.simulated = simulated
        simulated.org.prepare()
        self.people = {name: simulated.org.person(f"{name}@example.com", name.title()) for name in (*REPS, "zoe")}
        self.settings = Settings.model_validate(
            {"crms": {"territories": "salesforce"}, "salesforce": salesforce_settings(simulated)}
        )

    def company(self, owner: str | None, **more: Any) -> str:
        owned = {"OwnerId": self.people[owner]} if owner else {}
        return str(self.simulated.org.put("Account", Name="Acme", **owned, **more)["Id"])

    def give(self, company: str, owner: str) -> None:
        self.simulated.org.edit("Account", company, OwnerId=self.people[owner])

    def owner(self, company: str) -> str | None:
        found = self.simulated.org.records["Account"][company]["OwnerId"]
        return next((name for name, one in self.people.items() if one == found), None)

    def delete(self, company: str) -> None:
        self.simulated.org.delete("Account", company)

    @property
    def writes(self) -> list[str]:
        return [record for kind, record, _ in self.simulated.org.writes if kind == "Account"]

    def fail(self, *faults: Any) -> None:
        self.simulated.door.faults = list(faults)


class HubSpotMarket(Market):
    writes_of = "POST /crm/v3/objects/companies/batch/update"

    def __init__(self, simulated: hubspot.Simulated) -> None:
        self.simulated = simulated
        simulated.account.prepare()
        simulated.door.ten_secondly = 100_000  # how it is kept to is tested elsewhere
        self.people = {name: simulated.account.owner(f"{name}@example.com", name.title()) for name in (*REPS, "zoe")}
        self.settings = Settings.model_validate(
            {"crms": {"territories": "hubspot"}, "hubspot": hubspot_settings(simulated)}
        )

    def company(self, owner: str | None, **more: Any) -> str:
        owned = {"hubspot_owner_id": self.people[owner]} if owner else {}
        found = self.simulated.account.create("companies", {"name": "Acme", **owned, **more})
        self.simulated.account.writes.pop()
        return found.id

    def give(self, company: str, owner: str) -> None:
        self.simulated.account.edit("companies", company, hubspot_owner_id=self.people[owner])

    def owner(self, company: str) -> str | None:
        found = self.simulated.account.records["companies"][company].properties.get("hubspot_owner_id")
        return next((name for name, one in self.people.items() if one == found), None)

    def delete(self, company: str) -> None:
        self.simulated.account.archive("companies", company)

    @property
    def writes(self) -> list[str]:
        return [record for kind, record, _ in self.simulated.account.writes if kind == "companies"]

    def fail(self, *faults: Any) -> None:
        self.simulated.door.faults = list(faults)


class Alignments(Case):
    """Territory alignment whose published versions go to a CRM."""

    context = "territory_alignment"

    async def version(self, name: str, owners: Wanted) -> None:
        await self.sql(
            "INSERT INTO territories.organisations (id, name) VALUES ('north', 'North') ON CONFLICT DO NOTHING"
        )
        await self.sql(
            "INSERT INTO territories.plans (version, name, card, content, sha256) VALUES (%s, 'north', '{}', '', '')",
            name,
        )
        for place, (account, rep) in enumerate(owners.items()):
            await self.sql(
                "INSERT INTO territories.plan_accounts (version, place, account, rep, owner, potential, workload, km,"
                " region, key_account, why) VALUES (%s, %s, %s, %s, '', 1, 1, 1, '', false, '')",
                *(name, place, account, rep),
            )
        await self.sql(
            "INSERT INTO territories.publications (version, alignment_id, release, organisation, plan_version,"
            " effective_from, facts) VALUES (%s, %s, 1, 'north', %s, '2027-01-01', '{}')",
            *(name, name, name),
        )
        await self.sql(
            "INSERT INTO territories.sendings (change_id, alignment_id, release, version, target, asked_at)"
            " VALUES (%s, %s, 1, %s, 'crm', now())",
            *(f"{name}/1/crm", name, name),
        )

    async def send(self, version: str, *, undo: bool = False) -> int:
        """Deliver until it arrives, as a dispatcher does; how many tries that took."""
        payload = {"change_id": f"{version}/1/crm", "version": version} | ({"undo": True} if undo else {})
        deliver = wiring.deliveries(self.resources)["crm.territories"]
        for tries in range(1, 200):
            try:
                await deliver(OutboxRow(next(_numbers), "crm.territories", version, f"{version}/{undo}", payload, 0))
            except TransientError:
                continue
            return tries
        raise AssertionError("it never arrived")

    async def said(self, version: str) -> tuple[str, str]:
        row = await self.one("SELECT state, why FROM territories.sendings WHERE version = %s", version)
        return row["state"], row["why"]


@contextmanager
def simulated(name: str) -> Iterator[Market]:
    if name == "salesforce":
        with salesforce.served() as one:
            yield SalesforceMarket(one)
    else:
        with hubspot.served() as other:
            yield HubSpotMarket(other)


@asynccontextmanager
async def opened(market: Market, pool: Pool) -> AsyncIterator[Market]:
    market.resources = Resources(cast("Any", market).settings, pool)
    async with pool.connection() as connection:
        for rep in (*REPS, "dan"):
            await connection.execute(
                """INSERT INTO routing.reps (id, name, email, login, territories, timezone, holidays, working_hours,
                       languages, skills, weight, daily_capacity, open_capacity)
                   VALUES (%s, %s, %s, %s, '{old}', 'UTC', 'ES', %s, '{es}', '{}', 1, 5, 5)""",
                (rep, rep.title(), f"{rep}@example.com", rep, Jsonb({})),
            )
    target = account_owners(market.resources)
    assert isinstance(target, Publisher)
    market.publisher = target
    yield market
    await making.close(market.resources)
    await wiring.close(market.resources)
