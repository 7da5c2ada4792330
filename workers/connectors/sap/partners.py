"""A lead that converts becomes a business partner in SAP, once (see `asking`).

Which partner is which lead stands on the partner, in a property for ids of other systems.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from workers.connectors.answers import Json
from workers.connectors.sap import odata
from workers.connectors.sap.asking import Kind, insisting
from workers.connectors.sap.client import SapClient
from workers.connectors.sap.ledger import Ledger
from workers.connectors.sap.mapping import Entity, PartnerMapping, Unfit, external_id, known
from workers.connectors.sap.odata import Change, children
from workers.runtime.breaker import Breaker
from workers.runtime.errors import PermanentError, TransientError
from workers.runtime.outbox import OutboxRow

PARTNERS, ADDRESSES, ROLES = "A_BusinessPartner", "A_BusinessPartnerAddress", "A_BusinessPartnerRole"
EMAILS, PHONES = "A_AddressEmailAddress", "A_AddressPhoneNumber"
TO_ADDRESS, TO_ROLE, TO_EMAIL, TO_PHONE = (
    "to_BusinessPartnerAddress",
    "to_BusinessPartnerRole",
    "to_EmailAddress",
    "to_PhoneNumber",
)
PARTNER = Kind(
    entity_set=PARTNERS,
    number="BusinessPartner",
    title="business partner",
    expand=(TO_ROLE, f"{TO_ADDRESS}/{TO_EMAIL}", f"{TO_ADDRESS}/{TO_PHONE}"),
    remedy="merge them or take it from all but one",
)

ORGANISATION = "2"
"""`BusinessPartnerCategory`; a person is 1."""


@dataclass(frozen=True)
class PartnerDelivery:
    """Delivers rows of `ledger.CHANNEL`."""

    client: SapClient
    mapping: PartnerMapping
    ledger: Ledger
    breaker: Breaker
    settling_seconds: float
    """See `settings.Sap`."""

    async def __call__(self, row: OutboxRow) -> None:
        """Make, or bring up to date, the business partner of the row's lead.

        Raises:
            SapDown: no usable answer, or a pause is asked for (`SapResting`).
            TransientError: somebody has the partner open, or it is not known whether it was made.
            PermanentError: SAP refuses it, the lead can't become one, or the payload is not ours.
        """
        lead_id = row.payload.get("lead_id")
        if not isinstance(lead_id, str):
            raise PermanentError("This row for SAP names no lead; drop it, or correct its payload.")
        await insisting(self.breaker, partial(self._once, lead_id))

    async def _once(self, lead_id: str) -> None:
        entry = await self.ledger.read(lead_id)
        if entry is None or not entry.converted:  # nobody's lead, or the outcome was taken back since
            return
        if entry.lead is None:
            raise TransientError("The lead converted before it was registered; it is tried again.")
        said, own = known(entry.lead), external_id(lead_id)
        found = await self._found(own, entry.partner)
        if found is not None:
            if changes := list(self._changes(found, said, own)):
                await self.client.change(changes, "change the business partner")
            await self.ledger.written(lead_id, PARTNER.number_of(found))
            return
        if entry.asked_seconds is not None and entry.asked_seconds < self.settling_seconds:
            raise PARTNER.unsettled()
        values = self.made(said, own)
        await self.ledger.asking(lead_id)
        made = await PARTNER.make(self.client, values, partial(self.ledger.refused, lead_id))
        await self.ledger.written(lead_id, PARTNER.number_of(made))

    async def _found(self, own: str, partner: str | None) -> Json | None:
        """The lead's business partner: by our id, or, if somebody took that away, by the number that it has."""
        found = await PARTNER.find(self.client, self.mapping.external_id, own)
        return found if found is not None or partner is None else await PARTNER.read(self.client, partner)

    def made(self, said: Mapping[str, str], own: str) -> Json:
        """A new business partner with all that belongs to it.

        Raises:
            Unfit: the lead lacks something, or something is too long.
        """
        values = (self.mapping.organisation if "company" in said else self.mapping.person).made(said)
        if not values:
            raise Unfit(
                "The lead has neither a company nor a name that SAP could have. Give it one, then send it again."
            )
        return {
            **values,
            self.mapping.external_id: own,
            TO_ROLE: {"results": [{"BusinessPartnerRole": role} for role in self.mapping.roles]},
            TO_ADDRESS: {"results": [one] if (one := self._new_address(said)) else []},
        }

    def _new_address(self, said: Mapping[str, str]) -> Json:
        mapping = self.mapping
        inside = {TO_EMAIL: mapping.email.made(said), TO_PHONE: mapping.phone.made(said)}
        listed: Json = {name: {"results": [one]} for name, one in inside.items() if one}
        values = mapping.address.made(said)
        return {**values, **listed} if values or listed else {}

    def _changes(self, found: Json, said: Mapping[str, str], own: str) -> Iterator[Change]:
        """What a partner that is there lacks. Where it stands otherwise the mapping says who is right."""
        mapping, number = self.mapping, PARTNER.number_of(found)
        partner = PARTNER.address(number)
        kind = mapping.organisation if found.get("BusinessPartnerCategory") == ORGANISATION else mapping.person
        values = kind.changed(said, found)
        if not found.get(mapping.external_id):
            values[mapping.external_id] = own
        if values:
            yield Change("PATCH", partner, values, odata.etag(found))
        held = {one.get("BusinessPartnerRole") for one in children(found, TO_ROLE) if _holds(one)}
        for role in mapping.roles:
            if role not in held:
                yield Change("POST", f"{partner}/{TO_ROLE}", {"BusinessPartnerRole": role})
        addresses = children(found, TO_ADDRESS)
        if not addresses:
            if new := self._new_address(said):
                yield Change("POST", f"{partner}/{TO_ADDRESS}", new)
            return
        address = addresses[0]
        there = odata.key(ADDRESSES, BusinessPartner=number, AddressID=str(address.get("AddressID")))
        if values := mapping.address.changed(said, address):
            yield Change("PATCH", there, values, odata.etag(address))
        yield from _line(mapping.email, said, address, f"{there}/{TO_EMAIL}", EMAILS, "IsDefaultEmailAddress")
        yield from _line(mapping.phone, said, address, f"{there}/{TO_PHONE}", PHONES, "IsDefaultPhoneNumber")


def _line(
    entity: Entity, said: Mapping[str, str], address: Json, below: str, entity_set: str, default: str
) -> Iterator[Change]:
    """An address's e-mail address or telephone number: the default one counts."""
    there = children(address, below.rpartition("/")[2])
    if not there:
        if new := entity.made(said):
            yield Change("POST", below, new)
        return
    one = next((one for one in there if one.get(default) is True), there[0])
    if values := entity.changed(said, one):
        parts = {name: str(one.get(name) or "") for name in ("AddressID", "Person", "OrdinalNumber")}
        yield Change("PATCH", odata.key(entity_set, **parts), values, odata.etag(one))


def _holds(role: Json) -> bool:
    until = odata.moment(role.get("ValidTo"))
    return until is None or until > datetime.now(UTC)
