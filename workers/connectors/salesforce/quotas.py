"""Salesforce's quotas: ForecastingQuota, one for each user, period and forecast type.

https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_forecastingquota.htm

It takes no fields of ours, so nothing but the user and the day tells which record is which; that is what we call it. Where there is
none its fields say nothing: writing nothing deletes a record, and writing something makes one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from workers.connectors.answers import SystemDown, SystemRefused, dicts
from workers.connectors.people import FRESH_SECONDS
from workers.connectors.publishing.publisher import NotTaken
from workers.connectors.publishing.quotas import Period, QuotaRecords, with_places
from workers.connectors.publishing.records import Found, Values
from workers.connectors.salesforce import soql
from workers.connectors.salesforce.client import BATCH, Kind, SalesforceClient
from workers.connectors.salesforce.crm import Salesforce
from workers.connectors.salesforce.mapping import Quotas

QUOTA: Kind = "ForecastingQuota"
AMOUNT, OWNER, START, TYPE, CURRENCY = (
    "QuotaAmount",
    "QuotaOwnerId",
    "StartDate",
    "ForecastingTypeId",
    "CurrencyIsoCode",
)
PARTS = ("ProductFamily", "Territory2Id", "ForecastingGroupItemId")
"""What else a quota may be of; an organisation may lack some of these fields."""
TYPE_FIELDS = {"Id", "IsActive", "IsAmount", "HasProductFamily", "RoleType"}
BY_ROLES = "R"
"""The hierarchy of a forecast type: users; else territories."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where quotas are written in an organisation."""

    type_id: str
    fields: frozenset[str]
    """Those of ForecastingQuota that our user sees."""

    @property
    def currencies(self) -> bool:
        """Whether the organisation has several, so that a quota says its own."""
        return CURRENCY in self.fields


async def forecast_type(client: SalesforceClient, name: str) -> str:
    """The id of the forecast type by which quotas are shown.

    Raises:
        NotTaken: there is none of this name, or its quotas are no amounts of users; the message says what to do.
    """
    where = f"DeveloperName = {soql.text(name)}"
    found = await client.query(soql.select(TYPE_FIELDS, "ForecastingType", where, order="Id"))
    if not found:
        raise NotTaken(
            f"it has no forecast type {name}: correct `quota.forecast_type` in the mapping, or give the right to it"
        )
    one = found[0]
    said = ""
    if one.get("IsActive") != "true":
        said = "is not active: activate it in Setup → Forecasts Settings"
    elif one.get("IsAmount") != "true":
        said = "counts quantities; quotas are amounts: name another"
    elif one.get("HasProductFamily") == "true" or one.get("RoleType") != BY_ROLES:
        said = "divides quotas by product family or territory; ours are of people alone: name another"
    if said:
        raise NotTaken(f"its forecast type {name} {said} (`quota.forecast_type` in the mapping)")
    return one.id


async def periods(client: SalesforceClient, kind: str, first: date, last: date) -> Sequence[Period]:
    """The months or quarters of the organisation's fiscal years that have a day between two, in their order."""
    where = f"Type = {soql.text(kind.title())} AND StartDate <= {last} AND EndDate >= {first}"
    found = await client.query(soql.select({"Id", START, "EndDate"}, "Period", where, order=START))
    days = {(one.get(START) or "", one.get("EndDate") or "") for one in found}
    try:
        return [Period(date.fromisoformat(begins), date.fromisoformat(ends)) for begins, ends in sorted(days)]
    except ValueError:
        raise SystemDown("Salesforce's answer to a query of periods has days that are none.") from None


class SalesforceQuotas(QuotaRecords):
    """Quotas of one forecast type, known by ``<id of the user> 2027-01-01`` once the person is known."""

    title = "Salesforce"
    batch = BATCH
    amount = AMOUNT

    def __init__(self, salesforce: Salesforce, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__([AMOUNT, CURRENCY])
        self._salesforce = salesforce
        self._mapping: Quotas = salesforce.mapping.quota
        self._clock = clock
        self._place: Place | None = None
        self._known_at = 0.0
        self._ids: dict[str, str] = {}

    async def terms(self, currency: str, first: date, last: date) -> tuple[Sequence[Period], Values]:
        """See `QuotaRecords.terms`. An organisation with one currency does not tell which, so the mapping does."""
        self._place = None
        place = await self._known()
        if not place.currencies and self._mapping.currency != currency:
            named = f"is said to be {self._mapping.currency}" if self._mapping.currency else "is not said"
            raise NotTaken(
                f"the quotas are in {currency}, and its only currency {named}: `quota.currency` in the mapping"
            )
        more = {CURRENCY: currency} if place.currencies else {}
        return await periods(self._salesforce.client, self._mapping.period, first, last), more

    async def find(self, names: Collection[str]) -> Mapping[str, Found]:
        """See `Records.find`."""
        parts = {name: name.rpartition(" ") for name in names}
        emails = {email for email, _, _ in parts.values()}
        owners = await self._salesforce.owners.of_emails(self._salesforce.client, emails)
        keys = {name: f"{owners[email]} {day}" for name, (email, _, day) in parts.items() if email in owners}
        found = await self.read(keys.values())
        return {name: found[key] for name, key in keys.items()}

    async def read(self, record_ids: Collection[str]) -> Mapping[str, Found]:
        """See `Records.read`: each is found, with nothing in its fields where Salesforce has no such quota.

        Raises:
            SystemRefused: there are two of one user and period.
        """
        wanted = set(record_ids)
        there: dict[str, Values] = {}
        for key in wanted:
            self._ids.pop(key, None)
        place = await self._known()
        users, days = ({key.split(" ")[part] for key in wanted} for part in (0, 1))
        if wanted:
            conditions = [
                f"{TYPE} = {soql.text(place.type_id)}",
                f"{OWNER} IN ({', '.join(soql.text(one) for one in sorted(users))})",
                f"{START} IN ({', '.join(sorted(days))})",
                *(f"{part} = null" for part in PARTS if part in place.fields),
            ]
            fields = {"Id", OWNER, START, *(name for name in self.fields if name in place.fields)}
            for one in await self._salesforce.client.query(soql.select(fields, QUOTA, " AND ".join(conditions))):
                key = f"{one.get(OWNER)} {one.get(START)}"
                if key in there:
                    raise SystemRefused(
                        f"Salesforce has two quotas of the user {one.get(OWNER)} from {one.get(START)} on; delete one of them."
                    )
                there[key] = {CURRENCY: one.get(CURRENCY), AMOUNT: with_places(one.get(AMOUNT))}
                if key in wanted:
                    self._ids[key] = one.id
        nothing: Values = dict.fromkeys(self.fields)
        return {key: Found(key, there.get(key, nothing)) for key in wanted}

    async def write(self, values: Mapping[str, tuple[Values, str]]) -> Mapping[str, Exception]:
        """See `Records.write`. What was there when it was read is changed or deleted, what was not is made: if somebody made or
        deleted it since, Salesforce says so.
        """
        place = await self._known()
        made, changed, deleted = dict[str, dict[str, object]](), dict[str, dict[str, object]](), dict[str, str]()
        for key, (said, _) in values.items():
            given = {name: self._told(name, value) for name, value in said.items()}
            if key not in self._ids:
                owner, day = key.split(" ")
                made[key] = {TYPE: place.type_id, OWNER: owner, START: day, **given}
            elif said.get(AMOUNT) is None:
                deleted[self._ids[key]] = key
            else:
                changed[self._ids[key]] = given
        client, names = self._salesforce.client, {self._ids[key]: key for key in values if key in self._ids}
        outcomes = await client.create_all(QUOTA, made)
        outcomes |= {names[one]: found for one, found in (await client.update_all(QUOTA, changed)).items()}
        outcomes |= {names[one]: found for one, found in (await client.delete_all(QUOTA, deleted)).items()}
        return self._wrong(values, outcomes, "write a quota")

    async def _known(self) -> Place:
        if self._place is None or self._clock() - self._known_at > FRESH_SECONDS:
            described = await self._salesforce.client.describe(QUOTA)
            fields = frozenset(str(one.get("name")) for one in dicts(described.get("fields")))
            type_id = await forecast_type(self._salesforce.client, self._mapping.forecast_type)
            self._place, self._known_at = Place(type_id, fields), self._clock()
        return self._place

    def _told(self, name: str, value: str | None) -> object:
        return float(value) if value and name == AMOUNT else value
