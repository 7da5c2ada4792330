"""HubSpot's records, as a change of many writes them: by batches, whose answers name each record."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping

from workers.connectors.hubspot.client import BATCH, Kind
from workers.connectors.hubspot.crm import HubSpot
from workers.connectors.publishing.records import Found, Records, Values
from workers.connectors.records import Record

ID = "hs_object_id"


class HubSpotRecords(Records):
    """One kind of record."""

    title = "HubSpot"
    batch = BATCH

    def __init__(
        self, hubspot: HubSpot, kind: Kind, fields: Collection[str], *, key: str = ID, numbers: Collection[str] = ()
    ) -> None:
        """`key`: the property, with unique values, that holds what we call a record."""
        super().__init__(fields, numbers)
        self._client = hubspot.client
        self._kind = kind
        self._key = key

    async def find(self, names: Collection[str]) -> Mapping[str, Found]:
        """See `Records.find`."""
        if self._key == ID:
            return await self.read(names)
        wanted = {*self.fields, self._key}
        found = await self._client.read_all(self._kind, names, wanted, id_property=self._key)
        return {name: self._found(record) for name, record in found.items()}

    async def read(self, record_ids: Collection[str]) -> Mapping[str, Found]:
        """See `Records.read`. A record that was merged into another one is not there any more."""
        ids = [one for one in record_ids if one.isascii() and one.isdecimal()]
        found = await self._client.read_all(self._kind, ids, self.fields) if ids else {}
        return {one: self._found(record) for one, record in found.items()}

    async def write(self, values: Mapping[str, tuple[Values, str]]) -> Mapping[str, Exception]:
        """See `Records.write`. Nothing is written there by an empty text."""
        given = {one: {name: said or "" for name, said in new.items()} for one, (new, _) in values.items()}
        return self._wrong(values, await self._client.update(self._kind, given), f"write {self._kind}")

    def _found(self, record: Record) -> Found:
        return Found(record.id, {name: record.get(name) for name in self.fields})


def accounts(hubspot: HubSpot) -> HubSpotRecords:
    """Companies, by whose owner is written."""
    return HubSpotRecords(hubspot, "companies", [hubspot.mapping.owner], key=hubspot.mapping.territories.account)


async def all_accounts(hubspot: HubSpot) -> AsyncIterator[Record]:
    """Every company, with what territories read of it.

    Raises:
        SystemDown, SystemPause, SystemRefused: see `connectors.answers`.
    """
    given = hubspot.mapping.territories
    properties = {given.account, hubspot.mapping.owner, *given.read.values()}
    after: str | None = None
    while True:
        page, after = await hubspot.client.page("companies", properties, after)
        for one in page:
            yield one
        if after is None:
            return
