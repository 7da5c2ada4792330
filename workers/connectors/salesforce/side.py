"""Salesforce's leads as `sync` keeps them equal with ours."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from workers.connectors.answers import SystemDown
from workers.connectors.records import Record
from workers.connectors.salesforce import soql
from workers.connectors.salesforce.answers import Fault
from workers.connectors.salesforce.client import CHANGED, Read
from workers.connectors.salesforce.crm import Salesforce
from workers.connectors.salesforce.making import SOURCE
from workers.connectors.sync.side import Page, Side

PAGE = 200
"""Records; as many are written at once."""

CREATED, CONVERTED, DELETED, MASTER = "CreatedDate", "IsConverted", "IsDeleted", "MasterRecordId"


class SalesforceSide(Side):
    """See `Side`."""

    title = "Salesforce"
    source = SOURCE

    def __init__(self, salesforce: Salesforce) -> None:
        super().__init__(salesforce)
        self._client = salesforce.client
        self._fields = salesforce.mapping.of_lead() | {CREATED, CHANGED, CONVERTED}

    async def page(self, after: str | None) -> Page:
        """See `Side.page`. By ids, as a query's own cursor does not outlive us."""
        where = f"Id > {soql.text(after)}" if after else "Id != null"
        found = await self._client.query(soql.select(self._fields, "Lead", where, order="Id", most=PAGE))
        return Page(found, found[-1].id if len(found) == PAGE else None)

    async def read(self, record_ids: Collection[str]) -> Mapping[str, Record]:
        """See `Side.read`."""
        found: dict[str, Record] = {
            one.id: one for one in await self._by_ids(record_ids) if one.get(DELETED) == "false"
        }
        merged = {
            one.id: one.get(MASTER) or ""
            for one in await self._by_ids(set(record_ids) - found.keys())
            if one.get(MASTER) is not None
        }
        # A master may have been merged itself since.
        winners = await self.read(set(merged.values())) if merged else {}
        return found | {one: winners[master] for one, master in merged.items() if master in winners}

    async def deleted(self, record_ids: Collection[str]) -> set[str]:
        """See `Side.deleted`."""
        return {one.id for one in await self._by_ids(record_ids) if one.get(DELETED) == "true"}

    async def write(self, values: Mapping[str, Mapping[str, str]]) -> Mapping[str, Fault]:
        """See `Side.write`."""
        outcomes = await self._client.update_all("Lead", values)
        if untold := values.keys() - outcomes.keys():
            raise SystemDown(
                f"Salesforce's answer does not say what became of {len(untold)} leads; they are sent again."
            )
        return {one: fault for one, fault in outcomes.items() if isinstance(fault, Fault)}

    def created(self, record: Record) -> datetime | None:
        """See `Side.created`."""
        return record.moment(CREATED) if isinstance(record, Read) else None

    def changed(self, record: Record) -> datetime | None:
        """See `Side.changed`. In whole seconds; of the lead, not of a field."""
        return record.moment(CHANGED) if isinstance(record, Read) else None

    def ended(self, record: Record) -> bool:
        """See `Side.ended`: a converted lead is an opportunity from then on, and can't be written."""
        return record.get(CONVERTED) == "true"

    async def _by_ids(self, record_ids: Collection[str]) -> list[Read]:
        found: list[Read] = []
        ordered = sorted(record_ids)
        for start in range(0, len(ordered), PAGE):
            among = ", ".join(soql.text(one) for one in ordered[start : start + PAGE])
            query = soql.select(self._fields | {DELETED, MASTER}, "Lead", f"Id IN ({among})", order="Id")
            found += await self._client.query(query, deleted=True)
        return found
