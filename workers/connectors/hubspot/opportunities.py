"""HubSpot's deals.

They are searched: a search learns of a change some seconds later, which a ranking of the day can bear.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from workers.connectors.answers import Json
from workers.connectors.hubspot.client import BATCH
from workers.connectors.hubspot.crm import HubSpot
from workers.connectors.hubspot.publishing import HubSpotRecords
from workers.connectors.opportunities.mapping import OpportunityMapping, needed
from workers.connectors.opportunities.reading import Customer, Deals, moment
from workers.connectors.records import Record, number
from workers.opportunity_prioritisation.ports.crm import Closing

CLOSED, CLOSE, CREATED, WON = "hs_is_closed", "closedate", "createdate", "hs_is_closed_won"


class HubSpotDeals(Deals):
    """See `Deals`."""

    opened, stage = CREATED, "dealstage"

    def __init__(self, hubspot: HubSpot) -> None:
        mapping = needed(hubspot.mapping.opportunity, "hubspot")
        super().__init__(mapping)
        self._client = hubspot.client
        self._owner = hubspot.mapping.owner
        self._brought = hubspot.mapping.brought

    async def open(self, owner_ids: Collection[str]) -> Sequence[Record]:
        """See `Deals.open`."""
        fields = self.mapping.fields | {self._owner, self.opened, self.stage}
        return await self._all(owner_ids, [_equal(CLOSED, "false")], fields)

    async def closed(self, owner_ids: Collection[str], since: datetime) -> Sequence[Closing]:
        """See `Deals.closed`."""
        late = {"propertyName": CLOSE, "operator": "GTE", "value": str(int(since.timestamp() * 1_000))}
        found = []
        for one in await self._all(owner_ids, [_equal(CLOSED, "true"), late], {CREATED, CLOSE, WON}):
            opened, closed = moment(one.get(CREATED)), moment(one.get(CLOSE))
            if opened and closed:
                found.append(Closing(one.id, opened, max(closed, opened), won=one.get(WON) == "true"))
        return found

    async def won(self, since: datetime) -> Sequence[tuple[Record, datetime]]:
        """See `Deals.won`."""
        late = {"propertyName": CLOSE, "operator": "GTE", "value": str(int(since.timestamp() * 1_000))}
        found = await self._client.search_all("deals", [_equal(WON, "true"), late], self.mapping.fields | {CLOSE})
        return [(one, at) for one in found if (at := moment(one.get(CLOSE))) is not None]

    async def not_won(self, ids: Collection[str]) -> set[str]:
        """See `Deals.not_won`."""
        found = await self._client.read_all("deals", set(ids), {WON})
        return {one.id for one in found.values() if one.get(WON) == "false"}

    async def customers(self, deals: Sequence[Record], at: datetime) -> Mapping[str, Customer]:
        """See `Deals.customers`: the primary company. HubSpot itself adds up what a company has brought, of all time."""
        of = await self._client.associated("deals", [one.id for one in deals], "companies")
        wanted = {"name", *([self._brought] if self._brought else [])}
        companies = await self._client.read_all("companies", set(of.values()), wanted) if of else {}
        values: dict[str, float] = defaultdict(float)
        for company in companies.values():
            values[company.id] = (number(company.get(self._brought)) or 0.0) if self._brought else 0.0
        amount = self.mapping.read.get("amount")
        for one in deals:
            if one.id in of and amount:
                values[of[one.id]] += number(one.get(amount)) or 0.0
        return {
            deal: Customer(
                company, (companies[company].get("name") if company in companies else None) or company, values[company]
            )
            for deal, company in of.items()
        }

    async def _all(self, owner_ids: Collection[str], filters: Sequence[Json], fields: Collection[str]) -> list[Record]:
        found: list[Record] = []
        ordered = sorted(owner_ids)
        for start in range(0, len(ordered), BATCH):
            owned: Json = {"propertyName": self._owner, "operator": "IN", "values": ordered[start : start + BATCH]}
            found += await self._client.search_all("deals", [owned, *filters], fields)
        return found


def _equal(name: str, value: str) -> Json:
    return {"propertyName": name, "operator": "EQ", "value": value}


def ranked(hubspot: HubSpot, mapping: OpportunityMapping) -> HubSpotRecords:
    """Deals, by the properties that a ranking fills."""
    return HubSpotRecords(hubspot, "deals", [*mapping.ranking.values()], numbers=mapping.numbers)
