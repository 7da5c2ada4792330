"""A sales field whose quotas are published to a simulated Salesforce."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from itertools import count
from typing import Any

from psycopg.types.json import Jsonb

from tests.casework import Case
from tests.simulators.salesforce import forecasts
from tests.simulators.salesforce.serving import Simulated, served
from tests.unit.connectors.salesforce.conftest import settings_of
from workers.connectors.publishing.publisher import Publisher
from workers.connectors.targets import quotas
from workers.office.outside_targets import QuotaOf, Wanted
from workers.office.publication import Word
from workers.quota_approval import wiring
from workers.runtime.database import Pool
from workers.runtime.errors import TransientError
from workers.runtime.outbox import OutboxRow
from workers.runtime.resources import Resources
from workers.settings import Settings

PEOPLE = ("ana", "ben", "mona")
MONTHS = [date(2027, month, 1) for month in range(1, 13)]
_numbers = count(1)

Amounts = dict[tuple[str, str], float]
"""Person and first day → what Salesforce says."""


def quota(who: str, *cents: int, role: str = "rep", currency: str = "EUR", first: int = 0) -> QuotaOf:
    """A quota of some months from January 2027 on."""
    return QuotaOf(f"{who}@Example.com", role, currency, dict(zip(MONTHS[first:], cents, strict=False)))


class Reviews(Case):
    context = "quota_approval"


class Field:
    """Ana and Ben are reps, he without a log-in, and Mona leads their unit; each is a user with a forecast."""

    def __init__(self, simulated: Simulated, resources: Resources) -> None:
        self.simulated = simulated
        self.case = Reviews(resources)
        org = simulated.org
        org.prepare()
        self.users = {who: org.person(f"{who}@example.com", who.title()) for who in PEOPLE}
        self.type_id = forecasts.switch_on(org, 2026, 2027)
        target = quotas(resources)
        assert isinstance(target, Publisher)
        self.publisher = target

    def set(self, who: str, day: str, amount: float, **more: Any) -> str:
        """Somebody made a quota in Salesforce; its id."""
        values = {"QuotaOwnerId": self.users[who], "ForecastingTypeId": self.type_id, "StartDate": day}
        return str(self.simulated.org.put("ForecastingQuota", QuotaAmount=amount, **values | more)["Id"])

    @property
    def amounts(self) -> Amounts:
        """What Salesforce says of the forecast type."""
        names = {user: who for who, user in self.users.items()}
        return {
            (names[one["QuotaOwnerId"]], one["StartDate"]): one["QuotaAmount"]
            for one in self.simulated.org.records["ForecastingQuota"].values()
            if not one["IsDeleted"] and one["ForecastingTypeId"] == self.type_id
        }

    @property
    def writes(self) -> list[tuple[str, str]]:
        """Person and first day of each write of ours, in their order."""
        org, names = self.simulated.org, {user: who for who, user in self.users.items()}
        found = (
            org.records["ForecastingQuota"][record] for kind, record, _ in org.writes if kind == "ForecastingQuota"
        )
        return [(names[one["QuotaOwnerId"]], one["StartDate"]) for one in found]

    async def put(self, change: str, wanted: Wanted, scope: str = "field") -> Word:
        return await self.publisher.put(change, scope, f"v-{change}", wanted)

    async def take_back(self, change: str, scope: str = "field") -> Word:
        return await self.publisher.take_back(change, scope)

    async def publish(self, name: str, given: Mapping[str, list[int]]) -> None:
        """A version as `compose_quotas` stores it, of reps and units, with who has which of them."""
        await self.case.sql(
            "INSERT INTO quotas.organisations (id, name, currency, timezone, holidays, targets, rules)"
            " VALUES ('field', 'Field', 'EUR', 'UTC', 'ES', '{crm}', '{}') ON CONFLICT DO NOTHING"
        )
        for who, role in (("ana", "rep"), ("mona", "manager"), ("dora", "director")):
            await self.case.sql(
                "INSERT INTO quotas.persons (organisation, login, name, email, role, node) VALUES ('field', %s, %s, %s,"
                " %s, %s) ON CONFLICT DO NOTHING",
                *(who, who, f"{who}@example.com", role, None if role == "director" else f"of-{who}"),
            )
        await self.case.sql(
            "INSERT INTO quotas.publications (version, quota_id, release, organisation, period, plan_version, currency,"
            " valid_from, valid_until) VALUES (%s, %s, 1, 'field', '2027', 'p', 'EUR', '2027-01-01', '2027-12-31')",
            *(name, name),
        )
        for place, (node, cents) in enumerate(given.items()):
            level = "team" if node in {"of-mona", "all"} else "rep"
            months = {str(month): one for month, one in zip(MONTHS, cents, strict=False)}
            await self.case.sql(
                "INSERT INTO quotas.published (version, place, node, name, parent, level, quota, odds, months)"
                " VALUES (%s, %s, %s, %s, '', %s, %s, 0.5, %s)",
                *(name, place, node, node, level, sum(cents), Jsonb(months)),
            )
        await self.case.sql(
            "INSERT INTO quotas.sendings (change_id, quota_id, release, version, target, asked_at)"
            " VALUES (%s, %s, 1, %s, 'crm', now())",
            *(f"{name}/1/crm", name, name),
        )

    async def send(self, version: str, *, undo: bool = False) -> int:
        """Deliver until it arrives, as a dispatcher does; how many tries that took."""
        payload = {"change_id": f"{version}/1/crm", "version": version} | ({"undo": True} if undo else {})
        carry = wiring.deliveries(self.case.resources)["crm.quotas"]
        for tries in range(1, 200):
            try:
                await carry(OutboxRow(next(_numbers), "crm.quotas", version, f"{version}/{undo}", payload, 0))
            except TransientError:
                continue
            return tries
        raise AssertionError("it never arrived")

    async def said(self, version: str) -> tuple[str, str]:
        row = await self.case.one("SELECT state, why FROM quotas.sendings WHERE version = %s", version)
        return row["state"], row["why"]


@asynccontextmanager
async def opened(pool: Pool, **more: object) -> AsyncIterator[Field]:
    """`more`: settings of Salesforce."""
    with served() as simulated:
        given = {"crms": {"quotas": "salesforce"}, "salesforce": settings_of(simulated, **more)}
        field = Field(simulated, Resources(Settings.model_validate(given), pool))
        await field.case.sql(
            """INSERT INTO routing.reps (id, name, email, login, territories, timezone, holidays, working_hours, languages,
                   skills, weight, daily_capacity, open_capacity)
               VALUES ('of-ben', 'Ben', 'ben@example.com', 'ben', '{old}', 'UTC', 'ES', '{}', '{es}', '{}', 1, 5, 5)"""
        )
        yield field
        await wiring.close(field.case.resources)
