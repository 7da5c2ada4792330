"""Salesforce's records, as a change of many writes them: by sObject collections, whose records fail one by one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack

from workers.connectors.publishing.records import Found, Records, Values
from workers.connectors.salesforce import soql
from workers.connectors.salesforce.client import BATCH, Kind
from workers.connectors.salesforce.crm import Salesforce
from workers.connectors.salesforce.read import Read

ID = "Id"
_IDS = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")


class SalesforceRecords(Records):
    """One kind of record; those with the same parent go into one request, as each locks it."""

    title = "Salesforce"
    batch = BATCH

    def __init__(
        self,
        salesforce: Salesforce,
        kind: Kind,
        fields: Collection[str],
        *,
        key: str = ID,
        parent: str | None = None,
        numbers: Collection[str] = (),
    ) -> None:
        """`key`: the field that holds what we call a record; `parent`: that of the record that is locked with it."""
        super().__init__(fields, numbers)
        self._salesforce = salesforce
        self._kind = kind
        self._key = key
        self._parent = parent

    async def find(self, names: Collection[str]) -> Mapping[str, Found]:
        """See `Records.find`."""
        if self._key == ID:
            return await self.read(names)
        found = {one.get(self._key) or "": self._found(one) for one in await self._query(self._key, names)}
        return {name: found[name] for name in names if name in found}

    async def read(self, record_ids: Collection[str]) -> Mapping[str, Found]:
        """See `Records.read`. An id may have 15 characters, or three more that only repeat which of them are capitals."""
        ids = [one for one in record_ids if _IDS.fullmatch(one)]  # others are refused, and the whole query with them
        found = {one.id[:15]: self._found(one) for one in await self._query(ID, ids)}
        return {one: found[one[:15]] for one in ids if one[:15] in found}

    async def write(self, values: Mapping[str, tuple[Values, str]]) -> Mapping[str, Exception]:
        """See `Records.write`."""
        async with AsyncExitStack() as stack:
            for row in sorted({*values, *(parent for _, parent in values.values())} - {""}):
                await stack.enter_async_context(self._salesforce.parents.alone(row))
            given = {
                one: {name: self._told(name, said) for name, said in new.items()} for one, (new, _) in values.items()
            }
            outcomes = await self._salesforce.client.update_all(self._kind, given)
        return self._wrong(values, outcomes, f"write {self._kind}")

    async def _query(self, name: str, values: Collection[str]) -> list[Read]:
        if not values:
            return []
        among = ", ".join(soql.text(one) for one in sorted(values))
        wanted = {ID, self._key, *self.fields, *([self._parent] if self._parent else [])}
        return await self._salesforce.client.query(soql.select(wanted, self._kind, f"{name} IN ({among})"))

    def _found(self, record: Read) -> Found:
        parent = record.get(self._parent) if self._parent else None
        return Found(record.id, {name: record.get(name) for name in self.fields}, parent or "")

    def _told(self, name: str, value: str | None) -> object:
        return float(value) if value and name in self._numbers else value


def accounts(salesforce: Salesforce) -> SalesforceRecords:
    """Accounts, by whose owner is written."""
    key = salesforce.mapping.territories.account
    return SalesforceRecords(salesforce, "Account", [salesforce.mapping.owner], key=key, parent="ParentId")


async def all_accounts(salesforce: Salesforce) -> AsyncIterator[Read]:
    """Every account, with what territories read of it.

    Raises:
        SystemDown, SystemPause, SystemRefused: see `connectors.answers`.
    """
    given = salesforce.mapping.territories
    fields = {ID, given.account, salesforce.mapping.owner, *given.read.values()}
    async for page in salesforce.client.pages(soql.select(fields, "Account", f"{ID} != null", order=ID)):
        for one in page:
            yield one
