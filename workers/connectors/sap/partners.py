"""A lead that converts becomes a business partner in SAP, once.

Which partner is which lead stands on the partner, in a property for ids of other systems. SAP lets several have the same, so
what keeps it to one is the order of things: look for it; note that one is asked for; ask. Who died, or heard nothing, after
asking looks again, and asks again only when SAP can't be at work on it any more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from workers.connectors.answers import Json, SystemConflict, SystemDown, SystemPause, SystemRefused
from workers.connectors.sap import odata
from workers.connectors.sap.client import SapClient
from workers.connectors.sap.ledger import Ledger
from workers.connectors.sap.mapping import Entity, PartnerMapping, Unfit, external_id, known
from workers.connectors.sap.odata import Change, children
from workers.runtime.breaker import Breaker
from workers.runtime.errors import DependencyDown, PermanentError, TransientError, Unreachable
from workers.runtime.outbox import OutboxRow

TRIES = 3
"""Within one delivery, while others change the partner."""

PARTNERS, ADDRESSES, ROLES = "A_BusinessPartner", "A_BusinessPartnerAddress", "A_BusinessPartnerRole"
EMAILS, PHONES = "A_AddressEmailAddress", "A_AddressPhoneNumber"
TO_ADDRESS, TO_ROLE, TO_EMAIL, TO_PHONE = (
    "to_BusinessPartnerAddress",
    "to_BusinessPartnerRole",
    "to_EmailAddress",
    "to_PhoneNumber",
)
EXPANDED = (TO_ROLE, f"{TO_ADDRESS}/{TO_EMAIL}", f"{TO_ADDRESS}/{TO_PHONE}")

ORGANISATION = "2"
"""`BusinessPartnerCategory`; a person is 1."""


class SapDown(Unreachable):
    """SAP did not answer; it is asked again."""

    runbook = "crm-away"


class SapResting(DependencyDown, SapDown):
    """SAP asked for a pause, or failed too often of late, and is not asked for a while."""


class Unsettled(TransientError):
    """A business partner was asked for, and it is not known yet whether SAP made it; it is looked for again."""

    runbook = "crm-away"


async def insisting(breaker: Breaker, once: Callable[[], Awaitable[None]]) -> None:
    """Do something in SAP; a few times, if others change it meanwhile.

    Raises:
        SapDown: no usable answer, or a pause is asked for (`SapResting`).
        SystemConflict: others change it each time.
    """
    try:
        with breaker.guard(SystemDown):
            for left in reversed(range(TRIES)):
                try:
                    await once()
                except SystemConflict:
                    if not left:
                        raise
                else:
                    return
    except SystemPause as pause:
        raise SapResting(str(pause), retry_after=pause.retry_after) from pause
    except SystemDown as error:
        raise SapDown(str(error)) from error


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
            await self.ledger.written(lead_id, number(found))
            return
        if entry.asked_seconds is not None and entry.asked_seconds < self.settling_seconds:
            raise Unsettled
        values = self.made(said, own)
        await self.ledger.asking(lead_id)
        try:
            made = await self.client.create(PARTNERS, values, "make a business partner")
        except (SystemRefused, SystemConflict):  # these alone say that nothing was made
            await self.ledger.refused(lead_id)
            raise
        await self.ledger.written(lead_id, number(made))

    async def _found(self, own: str, partner: str | None) -> Json | None:
        """The lead's business partner: by our id, or, if somebody took that away, by the number that it has."""
        where = f"{self.mapping.external_id} eq {odata.text(own)}"
        found = await self.client.find(PARTNERS, where, order="BusinessPartner", expand=EXPANDED)
        if len(found) > 1:
            raise PermanentError(
                f"{len(found)} business partners have the {self.mapping.external_id} {own}: merge them or take it from all"
                " but one, then send this again."
            )
        if found or partner is None:
            return found[0] if found else None
        address = odata.key(PARTNERS, BusinessPartner=partner)
        return await self.client.get(address, "read the business partner", expand=EXPANDED)

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
        mapping, partner = self.mapping, odata.key(PARTNERS, BusinessPartner=number(found))
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
        there = odata.key(ADDRESSES, BusinessPartner=number(found), AddressID=str(address.get("AddressID")))
        if values := mapping.address.changed(said, address):
            yield Change("PATCH", there, values, odata.etag(address))
        yield from _line(mapping.email, said, address, f"{there}/{TO_EMAIL}", EMAILS, "IsDefaultEmailAddress")
        yield from _line(mapping.phone, said, address, f"{there}/{TO_PHONE}", PHONES, "IsDefaultPhoneNumber")


def number(partner: Json) -> str:
    """A business partner's number.

    Raises:
        SystemDown: the answer does not say it.
    """
    found = partner.get("BusinessPartner")
    if not isinstance(found, str) or not found:
        raise SystemDown("SAP's answer does not say which business partner it is.")
    return found


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
