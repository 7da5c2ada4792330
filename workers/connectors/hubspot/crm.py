"""HubSpot as the CRM of lead routing: a lead is a contact, an account is a company.

Which contact is which lead is told by a property of our own with unique values, so that it is read back at once, where a
search would find it seconds later. A contact that was there before, by its id or its e-mail address, is taken over: what
people have filled in stays. The newest lead of a contact holds it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, get_args

from workers.connectors.hubspot.answers import Fault, HubSpotConflict, HubSpotDown, HubSpotPause, Json
from workers.connectors.hubspot.client import HubSpotClient, Record
from workers.connectors.hubspot.mapping import OWNER, FieldMapping
from workers.connectors.hubspot.people import Book, Owners
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import CrmAccount, Enrichment, domains_of
from workers.lead_routing.domain.places import country_code
from workers.lead_routing.domain.text import fold_company
from workers.lead_routing.ports.crm import CrmDown, CrmLead, CrmResting, Status, applies
from workers.runtime.breaker import Breaker
from workers.runtime.errors import PermanentError
from workers.runtime.outbox import OutboxRow

Pending = Callable[[str], Awaitable[Sequence[Mapping[str, Any]]]]  # Any: JSON
"""Changes of a lead that are still on their way to the CRM, in their order."""

_STATUSES = get_args(Status)


@dataclass(frozen=True, slots=True)
class HubSpot:
    """What a process shares that speaks to HubSpot."""

    client: HubSpotClient
    mapping: FieldMapping
    owners: Owners
    book: Book
    breaker: Breaker

    @asynccontextmanager
    async def asked(self) -> AsyncIterator[HubSpotClient]:
        """The client, whose failures are those of the port.

        Raises:
            CrmDown: no usable answer.
            CrmResting: HubSpot asked for a pause, or failed several times in a row.
            AddressRefused: the address in the settings is not one that may be asked.
        """
        try:
            with self.breaker.guard(HubSpotDown):
                yield self.client
        except HubSpotPause as pause:
            raise CrmResting(str(pause), retry_after=pause.retry_after) from pause
        except (HubSpotDown, HubSpotConflict) as error:
            raise CrmDown(str(error)) from error

    async def contact(self, lead_id: str) -> tuple[Record | None, bool]:
        """A lead's contact, and whether the lead holds it; another one may since."""
        properties, keeps = self.mapping.of_contact(), self.mapping.keeps
        held = await self.client.get("contacts", lead_id, properties, id_property=keeps.lead_id)
        if held is not None:
            return held, True
        known = await self.book.lead(lead_id)
        found = None
        if known.contact_id:
            found = await self.client.get("contacts", known.contact_id, properties)
        if found is None and known.email:
            found = await self.client.get("contacts", known.email, properties, id_property="email")
        return found, False


class HubSpotCrm:
    """`Crm` on HubSpot."""

    def __init__(self, hubspot: HubSpot, pending: Pending) -> None:
        self._hubspot = hubspot
        self._pending = pending

    async def find_accounts(self, lead: Lead) -> Sequence[CrmAccount]:
        """See `Crm.find_accounts`. A company that was made seconds ago may not be found yet."""
        groups = self._groups(lead)
        if not groups:
            return []
        async with self._hubspot.asked() as client:
            found = await client.search("companies", groups, self._hubspot.mapping.of_company())
            return [await self._account(client, company) for company in found]

    async def enrichment(self, account_id: str) -> Enrichment | None:
        """See `Crm.enrichment`."""
        mapping = self._hubspot.mapping
        async with self._hubspot.asked() as client:
            company = await client.get("companies", account_id, mapping.of_company())
            if company is None:
                return None
            open_deals = await client.count(
                "deals",
                [
                    {"propertyName": "associations.company", "operator": "EQ", "value": company.id},
                    {"propertyName": "hs_is_closed", "operator": "EQ", "value": "false"},
                ],
            )
        employees = _number(mapping.company_value(company, "employees"))
        return Enrichment(
            employees=None if employees is None else int(employees),
            annual_revenue_eur=_number(mapping.company_value(company, "annual_revenue_eur")),
            industry=mapping.company_value(company, "industry"),
            open_opportunities=open_deals,
        )

    async def lead(self, lead_id: str) -> CrmLead | None:
        """See `Crm.lead`."""
        # First what is under way, then HubSpot: a change that arrives in between is seen twice, never missed.
        pending = await self._pending(lead_id)
        async with self._hubspot.asked() as client:
            contact, held = await self._hubspot.contact(lead_id)
            owner = await self._hubspot.owners.person(client, contact.get(OWNER)) if contact else None
        if contact is None and not pending:
            return None
        status = contact.get(self._hubspot.mapping.keeps.status) if contact and held else None
        state: dict[str, Any] = {
            "owner_id": owner.id if owner else None,
            "status": status if status in _STATUSES else "new",
        }
        for change in pending:
            if applies(change, state["owner_id"]):
                state.update({key: change[key] for key in ("owner_id", "status") if key in change})
        return CrmLead(**state)

    def _groups(self, lead: Lead) -> list[list[Json]]:
        """Filters for companies: a net with wide meshes, `domain.matching` decides."""
        names, groups = self._hubspot.mapping.company, []
        # HubSpot compares texts of a list in small letters.
        if "domain" in names and (domains := [domain.lower() for domain in domains_of(lead)]):
            groups.append([{"propertyName": names["domain"], "operator": "IN", "values": domains}])
        word = fold_company(lead.company).partition(" ")[0] if lead.company else ""
        if word and lead.country:
            groups.append([{"propertyName": names["name"], "operator": "CONTAINS_TOKEN", "value": f"{word}*"}])
        if "phone" in names and lead.phone:
            groups.append([{"propertyName": names["phone"], "operator": "EQ", "value": lead.phone}])
        return groups

    async def _account(self, client: HubSpotClient, company: Record) -> CrmAccount:
        mapping = self._hubspot.mapping
        owner = await self._hubspot.owners.person(client, company.get(OWNER))
        country = mapping.company_value(company, "country")
        return CrmAccount(
            id=company.id,
            name=mapping.company_value(company, "name") or "",
            domain=mapping.company_value(company, "domain"),
            country=(country_code(country) or country) if country else None,
            phone=mapping.company_value(company, "phone"),
            owner_id=owner.id if owner else None,
            owner_name=owner.name if owner else None,
        )


class HubSpotDelivery:
    """Carries changes of leads to HubSpot; for the payload see `adapters.crm.CrmDelivery`.

    A contact is made, or taken over, only by a change that brings the lead's fields. A repeat is known by the last
    change's id on the contact; it would change nothing anyway, unless somebody changed the contact in between.
    """

    def __init__(self, hubspot: HubSpot) -> None:
        self._hubspot = hubspot

    async def __call__(self, row: OutboxRow) -> None:
        """Deliver one row.

        Raises:
            CrmDown: HubSpot gave no usable answer, or a pause is asked for (`CrmResting`).
            PermanentError: HubSpot refuses the change, the new owner is not known there, or the payload is not ours.
        """
        change = row.payload
        lead_id = change.get("lead_id")
        if not isinstance(lead_id, str):
            raise PermanentError("This change for the CRM names no lead; drop it, or correct its payload.")
        async with self._hubspot.asked() as client:
            contact, held = await self._hubspot.contact(lead_id)
            brings_fields = "fields" in change and "owner_id" in change
            if not brings_fields and (contact is None or not (held or self._free(contact))):
                return
            written = contact
            if contact is None or contact.get(self._hubspot.mapping.keeps.change) != row.external_id:
                owner = await self._hubspot.owners.person(client, contact.get(OWNER)) if contact else None
                if not applies(change, owner.id if owner else None):
                    return
                written = await self._write(client, lead_id, contact, change, row.external_id)
            # Also for a repeat, as it may have broken off in between.
            if change.get("account_id") and written is not None:
                await client.associate("contacts", written.id, "companies", str(change["account_id"]))

    def _free(self, contact: Record) -> bool:
        return contact.get(self._hubspot.mapping.keeps.lead_id) is None

    async def _write(
        self, client: HubSpotClient, lead_id: str, contact: Record | None, change: Json, change_id: str
    ) -> Record:
        mapping = self._hubspot.mapping
        properties = mapping.properties(change.get("fields", {}), contact)
        properties[mapping.keeps.change] = change_id
        if "status" in change:
            properties[mapping.keeps.status] = str(change["status"])
        if "owner_id" in change:
            properties[OWNER] = await self._hubspot.owners.owner_id(client, change["owner_id"])
        if contact is None:
            sent = lead_id
            outcomes = await client.upsert("contacts", mapping.keeps.lead_id, {lead_id: properties})
        else:
            sent = contact.id
            outcomes = await client.update("contacts", {contact.id: {**properties, mapping.keeps.lead_id: lead_id}})
        outcome = outcomes.get(sent)
        if outcome is None:
            raise HubSpotDown("HubSpot's answer does not say what became of the contact; it is sent again.")
        if isinstance(outcome, Fault):
            raise outcome.raised("write the contact")
        return outcome


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < 1e15 else None
