"""Salesforce's opportunities."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from workers.connectors.opportunities.mapping import OpportunityMapping, needed
from workers.connectors.opportunities.reading import Customer, Deals, moment
from workers.connectors.records import Record, number
from workers.connectors.salesforce import soql
from workers.connectors.salesforce.client import BATCH, Kind
from workers.connectors.salesforce.crm import Salesforce
from workers.connectors.salesforce.publishing import SalesforceRecords
from workers.connectors.salesforce.read import Read
from workers.opportunity_prioritisation.ports.crm import Closing

ACCOUNT, AMOUNT, CLOSE, CREATED, WON = "AccountId", "Amount", "CloseDate", "CreatedDate", "IsWon"
STAGE_CHANGED = "LastStageChangeDate"
VALUE_YEARS = 2


class SalesforceDeals(Deals):
    """See `Deals`."""

    opened, stage = CREATED, "StageName"

    def __init__(self, salesforce: Salesforce) -> None:
        super().__init__(needed(salesforce.mapping.opportunity, "salesforce"))
        self._client = salesforce.client
        self._owner = salesforce.mapping.owner

    async def open(self, owner_ids: Collection[str]) -> Sequence[Record]:
        """See `Deals.open`."""
        fields = self.mapping.fields | {"Id", self._owner, ACCOUNT, self.opened, self.stage}
        return await self._all("Opportunity", fields, "IsClosed = false", self._owner, owner_ids)

    async def closed(self, owner_ids: Collection[str], since: datetime) -> Sequence[Closing]:
        """See `Deals.closed`. When it was closed is when its stage last changed."""
        fields = {"Id", CREATED, CLOSE, WON, STAGE_CHANGED}
        where = f"IsClosed = true AND {CLOSE} >= {soql.day(since)}"
        found = []
        for one in await self._all("Opportunity", fields, where, self._owner, owner_ids):
            opened, closed = moment(one.get(CREATED)), moment(one.get(STAGE_CHANGED)) or moment(one.get(CLOSE))
            if opened and closed:
                found.append(Closing(one.id, opened, max(closed, opened), won=one.get(WON) == "true"))
        return found

    async def won(self, since: datetime) -> Sequence[tuple[Record, datetime]]:
        """See `Deals.won`. When it was won is when its stage last changed."""
        fields = self.mapping.fields | {"Id", ACCOUNT, STAGE_CHANGED}
        where = f"{WON} = true AND {STAGE_CHANGED} >= {soql.moment(since)}"
        found = await self._client.query(soql.select(fields, "Opportunity", where, order="Id"))
        return [(one, at) for one in found if (at := moment(one.get(STAGE_CHANGED))) is not None]

    async def not_won(self, ids: Collection[str]) -> set[str]:
        """See `Deals.not_won`."""
        found = await self._all("Opportunity", {"Id", WON}, "", "Id", ids)
        return {one.id for one in found if one.get(WON) == "false"}

    async def customers(self, deals: Sequence[Record], at: datetime) -> Mapping[str, Customer]:
        """See `Deals.customers`."""
        accounts = {account for one in deals if (account := one.get(ACCOUNT))}
        since = (at - timedelta(days=365 * VALUE_YEARS)).astimezone(UTC)
        where = f"(IsClosed = false OR ({WON} = true AND {CLOSE} >= {soql.day(since)}))"
        values = dict.fromkeys(accounts, 0.0)
        for one in await self._all("Opportunity", {"Id", ACCOUNT, AMOUNT}, where, ACCOUNT, accounts):
            values[one.get(ACCOUNT) or ""] += number(one.get(AMOUNT)) or 0.0
        found = await self._all("Account", {"Id", "Name"}, "", "Id", accounts)
        names = {one.id: one.get("Name") or one.id for one in found}
        return {
            one.id: Customer(account, names.get(account, account), values[account])
            for one in deals
            if (account := one.get(ACCOUNT))
        }

    async def _all(
        self, kind: Kind, fields: Collection[str], where: str, name: str, values: Collection[str]
    ) -> list[Read]:
        found: list[Read] = []
        for part in _parts(sorted(values)):
            among = f"{name} IN ({', '.join(soql.text(one) for one in part)})"
            found += await self._client.query(
                soql.select(fields, kind, f"{where} AND {among}" if where else among, order="Id")
            )
        return found


def _parts(values: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(values), BATCH):
        yield values[start : start + BATCH]


def ranked(salesforce: Salesforce, mapping: OpportunityMapping) -> SalesforceRecords:
    """Opportunities, by the fields that a ranking fills. Writing one locks its account too."""
    fields = [*mapping.ranking.values()]
    return SalesforceRecords(salesforce, "Opportunity", fields, parent=ACCOUNT, numbers=mapping.numbers)
