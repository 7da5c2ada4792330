"""Both simulated CRMs with opportunities that are ranked, in one form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, ClassVar

from psycopg.types.json import Jsonb

from tests.casework import Case
from tests.simulators.hubspot import serving as hubspot
from tests.simulators.hubspot.records import stamp
from tests.simulators.salesforce import serving as salesforce
from tests.unit.connectors.conftest import settings_of as hubspot_settings
from tests.unit.connectors.salesforce.conftest import settings_of as salesforce_settings
from workers.opportunity_prioritisation import wiring
from workers.runtime.database import Pool
from workers.runtime.resources import Resources
from workers.settings import Settings

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
"""A Wednesday."""
WEEK = ("mon", "tue", "wed", "thu", "fri")
REPS = ("ana", "ben")
_numbers = count(1)


class Pipeline(Case, ABC):
    """Ana and Ben are reps who own opportunities, Zoe is no rep."""

    context = "opportunity_prioritisation"

    @abstractmethod
    def deal(
        self, owner: str, stage: str, amount: float, company: str | None = None, *, silent: float | None = None
    ) -> str:
        """An open opportunity, made 60 days ago; `silent`: days since the last contact."""

    @abstractmethod
    def company(self, name: str, brought: float) -> str:
        """An account, with what it brought a year ago."""

    @abstractmethod
    def move(self, deal: str, stage: str) -> None:
        """Somebody moves an opportunity; the stages are `first`, `last`, `unknown`, `won` and `lost`."""

    @abstractmethod
    def said(self, deal: str) -> tuple[Any, Any, Any, Any]:
        """Place, expected value, next action and why, as the opportunity says them."""

    @abstractmethod
    def contacted(self, deal: str) -> Any:
        """When a contact was made from a list, as the opportunity says it."""

    @abstractmethod
    def delete(self, deal: str) -> None:
        """Somebody deletes an opportunity."""

    @property
    @abstractmethod
    def writes(self) -> list[str]:
        """Ids of opportunities that we wrote, one for each time."""

    async def furnish(self) -> None:
        await self.sql(
            "INSERT INTO selling.organisations (id, name, territories, minutes_a_day) VALUES ('floor', 'F', '{old}', 100)"
        )
        for rep in REPS:
            await self.sql(
                """INSERT INTO routing.reps (id, name, email, login, territories, timezone, holidays, working_hours,
                       languages, skills, weight, daily_capacity, open_capacity)
                   VALUES (%s, %s, %s, %s, '{old}', 'UTC', 'ES', %s, '{es}', '{}', 1, 5, 5)""",
                *(rep, rep.title(), f"{rep}@example.com", rep, Jsonb({day: [["09:00", "17:00"]] for day in WEEK})),
            )

    async def collected(self, name: str) -> dict[str, Any]:
        """A ranking is opened and collects; what its task tells."""
        await self.run("open_prioritisation", prioritisation_id=name, organisation="floor", asked_by="test")
        return await self.run("collect_opportunities", prioritisation_id=name, organisation="floor")

    async def facts(self, name: str) -> dict[str, dict[str, Any]]:
        rows = await self.sql("SELECT opportunity_id, facts FROM selling.ranked WHERE prioritisation_id = %s", name)
        return {row["opportunity_id"]: row["facts"] for row in rows}

    async def ranked(self, name: str, *deals: str) -> None:
        """These are on the list, the first one first; the ranking is sent."""
        for place, deal in enumerate(deals, 1):
            await self.sql(
                "UPDATE selling.ranked SET place = %s, expected_value = %s, action = 'Call', why = %s"
                " WHERE prioritisation_id = %s AND opportunity_id = %s",
                *(place, 1000.125 / place, "w" * 300, name, deal),
            )
        await self.run("write_ranking", prioritisation_id=name, organisation="floor")
        await self.sql("UPDATE selling.prioritisations SET state = 'done' WHERE prioritisation_id = %s", name)
        await self.deliver()


class SalesforcePipeline(Pipeline):
    simulated: salesforce.Simulated

    def deal(
        self, owner: str, stage: str, amount: float, company: str | None = None, *, silent: float | None = None
    ) -> str:
        org = self.simulated.org
        made = org.put(
            "Opportunity", Name="Planning", StageName=self.stages[stage], Amount=amount, AccountId=company,
            OwnerId=self.people[owner], CloseDate="2026-12-31", LeadSource="Web",
            LastActivityDate=None if silent is None else f"{NOW - timedelta(days=silent):%Y-%m-%d}",
        )  # fmt: skip
        made |= {"CreatedDate": int((NOW - timedelta(days=60)).timestamp())}
        return str(made["Id"])

    stages: ClassVar = {"first": "Prospecting", "last": "Negotiation/Review", "unknown": "On hold", "won": "Closed Won",
              "lost": "Closed Lost"}  # fmt: skip

    @property
    def people(self) -> dict[str, str]:
        users = self.simulated.org.records["User"].values()
        return {str(one["LastName"]): str(one["Id"]) for one in users}

    def company(self, name: str, brought: float) -> str:
        made = str(self.simulated.org.put("Account", Name=name)["Id"])
        self.simulated.org.put("Opportunity", Name="Old", StageName="Closed Won", Amount=brought, AccountId=made,
                               CloseDate="2025-11-25", OwnerId=self.people["zoe"])  # fmt: skip
        return made

    def move(self, deal: str, stage: str) -> None:
        closes = {"CloseDate": f"{NOW:%Y-%m-%d}"} if stage in {"won", "lost"} else {}
        made = self.simulated.org.edit("Opportunity", deal, StageName=self.stages[stage], **closes)
        made |= {"LastStageChangeDate": int(NOW.timestamp())}

    def said(self, deal: str) -> tuple[Any, Any, Any, Any]:
        found = self.simulated.org.records["Opportunity"][deal]
        place, value, action, why = (
            found[f"Fairlead_{name}__c"] for name in ("Place", "Expected_Value", "Next_Action", "Why")
        )
        return place, value, action, why

    def contacted(self, deal: str) -> Any:
        return self.simulated.org.records["Opportunity"][deal]["Fairlead_Contacted_At__c"]

    def delete(self, deal: str) -> None:
        self.simulated.org.delete("Opportunity", deal)

    @property
    def writes(self) -> list[str]:
        return [record for _, record, _ in self.simulated.org.writes]


class HubSpotPipeline(Pipeline):
    simulated: hubspot.Simulated
    stages: ClassVar = {"first": "appointmentscheduled", "last": "contractsent", "unknown": "on_hold", "won": "closedwon",
              "lost": "closedlost"}  # fmt: skip

    @property
    def people(self) -> dict[str, str]:
        return {str(one["firstName"]).lower(): str(one["id"]) for one in self.simulated.account.owners}

    def deal(
        self, owner: str, stage: str, amount: float, company: str | None = None, *, silent: float | None = None
    ) -> str:
        account = self.simulated.account
        made = account.create("deals", {"dealname": "Planning", "dealstage": self.stages[stage], "amount": str(amount),
                                        "hubspot_owner_id": self.people[owner], "hs_analytics_source": "Web"})  # fmt: skip
        made.created = (NOW - timedelta(days=60)).timestamp()
        if silent is not None:
            made.properties["notes_last_contacted"] = stamp((NOW - timedelta(days=silent)).timestamp())
        if company:
            account.links |= {("deals", made.id, "companies", company), ("deals", made.id, "companies", "1")}
        account._keep("deals", made, {})
        account.writes.clear()
        return made.id

    def company(self, name: str, brought: float) -> str:
        made = self.simulated.account.create("companies", {"name": name, "total_revenue": str(brought)})
        self.simulated.account.writes.clear()
        return made.id

    def move(self, deal: str, stage: str) -> None:
        closes = {"closedate": stamp(NOW.timestamp())} if stage in {"won", "lost"} else {}
        self.simulated.account.edit("deals", deal, dealstage=self.stages[stage], **closes)

    def said(self, deal: str) -> tuple[Any, Any, Any, Any]:
        found = self.simulated.account.records["deals"][deal].properties
        place, value, action, why = (
            found.get(f"fairlead_{name}") or None for name in ("place", "expected_value", "next_action", "why")
        )
        return (float(place) if place else None), (float(value) if value else None), action, why

    def contacted(self, deal: str) -> Any:
        return self.simulated.account.records["deals"][deal].properties.get("fairlead_contacted_at")

    def delete(self, deal: str) -> None:
        self.simulated.account.archive("deals", deal)

    @property
    def writes(self) -> list[str]:
        return [record for _, record, _ in self.simulated.account.writes]


@asynccontextmanager
async def opened(name: str, pool: Pool) -> AsyncIterator[Pipeline]:
    given: dict[str, Any] = {"crms": {"opportunities": name}}
    made: Pipeline
    if name == "salesforce":
        with salesforce.served() as org:
            org.org.prepare()
            org.door.page = 2
            for person in (*REPS, "zoe"):
                org.org.person(f"{person}@example.com", person)
            settings = Settings.model_validate(given | {"salesforce": salesforce_settings(org)})
            made = SalesforcePipeline(Resources(settings, pool, clock=lambda: NOW))
            object.__setattr__(made, "simulated", org)
            await made.furnish()
            yield made
            await wiring.close(made.resources)
        return
    with hubspot.served() as account:
        account.account.prepare()
        account.account.stages.append("on_hold")
        account.door.searches_per_second = account.door.ten_secondly = 100_000
        for person in (*REPS, "zoe"):
            account.account.owner(f"{person}@example.com", person.title())
        settings = Settings.model_validate(given | {"hubspot": hubspot_settings(account)})
        made = HubSpotPipeline(Resources(settings, pool, clock=lambda: NOW))
        object.__setattr__(made, "simulated", account)
        await made.furnish()
        yield made
        await wiring.close(made.resources)
