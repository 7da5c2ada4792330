"""HubSpot's contacts as `sync` keeps them equal with our leads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from workers.connectors.answers import SystemDown
from workers.connectors.hubspot.answers import CHANGED as CHANGED_MEANWHILE
from workers.connectors.hubspot.answers import Fault
from workers.connectors.hubspot.crm import HubSpot
from workers.connectors.hubspot.making import SOURCE
from workers.connectors.records import Record
from workers.connectors.sync.side import Outcome, Page, Side

CREATED, CHANGED = "createdate", "lastmodifieddate"


class HubSpotSide(Side):
    """See `Side`."""

    title = "HubSpot"
    source = SOURCE

    def __init__(self, hubspot: HubSpot) -> None:
        super().__init__(hubspot)
        self._client = hubspot.client
        self._properties = hubspot.mapping.of_lead() | {CREATED, CHANGED}

    async def page(self, after: str | None) -> Page:
        """See `Side.page`. Listed, not searched: a search learns of changes later."""
        return Page(*await self._client.page("contacts", self._properties, after))

    async def read(self, record_ids: Collection[str]) -> Mapping[str, Record]:
        """See `Side.read`. One by one: asked for a merged contact, HubSpot answers with the one it was merged into."""
        found = {one: await self._client.get("contacts", one, self._properties) for one in record_ids}
        return {one: record for one, record in found.items() if record is not None}

    async def deleted(self, record_ids: Collection[str]) -> set[str]:
        """See `Side.deleted`."""
        return {one for one in record_ids if await self._client.archived("contacts", one)}

    async def write(
        self, values: Mapping[str, Mapping[str, str]], read: Mapping[str, Record] | None = None
    ) -> Mapping[str, Fault]:
        """See `Side.write`. HubSpot has no condition for it: the contacts are looked at in the request before, so that what
        is changed within these two, some tenths of a second, is overwritten.
        """
        changed = await self._changed(read) if read else set()
        sent = {one: given for one, given in values.items() if one not in changed}
        outcomes = await self._client.update("contacts", sent)
        if untold := sent.keys() - outcomes.keys():
            raise SystemDown(
                f"HubSpot's answer does not say what became of {len(untold)} contacts; they are sent again."
            )
        faults = {one: fault for one, fault in outcomes.items() if isinstance(fault, Fault)}
        return faults | dict.fromkeys(values.keys() & changed, CHANGED_MEANWHILE)

    async def _changed(self, read: Mapping[str, Record]) -> set[str]:
        """Which of these are other than they were read. One that is gone is not among them: the write says so."""
        now = await self._client.read_all("contacts", list(read), {CHANGED})
        return {one for one, record in now.items() if record.get(CHANGED) != read[one].get(CHANGED)}

    def created(self, record: Record) -> datetime | None:
        """See `Side.created`."""
        return _moment(record.get(CREATED))

    def changed(self, record: Record) -> datetime | None:
        """See `Side.changed`. HubSpot tells it of the contact, not of a property."""
        return _moment(record.get(CHANGED))

    def ended(self, record: Record) -> bool:
        """See `Side.ended`. A contact stays one."""
        return False

    def outcome(self, record: Record) -> Outcome | None:
        """See `Side.outcome`."""
        converted = self.system.mapping.outcome.converts(record)
        return None if converted is None else Outcome(converted, self.changed(record))


def _moment(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
