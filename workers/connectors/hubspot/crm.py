"""HubSpot as the CRM of lead routing: a lead is a contact, an account is a company.

Our property with unique values is read back at once, where a search would find it seconds later. The newest lead of a
contact holds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workers.connectors.answers import Json, SystemDown
from workers.connectors.hubspot.answers import Fault
from workers.connectors.hubspot.client import HubSpotClient
from workers.connectors.hubspot.mapping import FieldMapping
from workers.connectors.leads import LeadReading, Pending, System
from workers.connectors.records import Record
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import CrmAccount, Enrichment, domains_of
from workers.lead_routing.domain.text import fold_company


class HubSpot(System[HubSpotClient, FieldMapping]):
    """What a process shares that speaks to HubSpot."""

    async def record(self, lead_id: str) -> tuple[Record | None, bool]:
        """See `System.record`: the lead's contact."""
        properties, keeps = self.mapping.of_lead(), self.mapping.keeps
        held = await self.client.get("contacts", lead_id, properties, id_property=keeps.lead_id)
        if held is not None:
            return held, True
        known = await self.book.lead(lead_id)
        found = None
        if known.record_id:
            found = await self.client.get("contacts", known.record_id, properties)
        if found is None and known.email:
            found = await self.client.get("contacts", known.email, properties, id_property="email")
        return found, False

    async def write(self, lead_id: str, record: Record | None, properties: Mapping[str, str], change: Json) -> Record:
        """See `System.write`. HubSpot has no conditional write."""
        key = self.mapping.keeps.lead_id
        if record is None:
            sent = lead_id
            outcomes = await self.client.upsert("contacts", key, {lead_id: properties})
        else:
            sent = record.id
            outcomes = await self.client.update("contacts", {record.id: {**properties, key: lead_id}})
        outcome = outcomes.get(sent)
        if outcome is None:
            raise SystemDown("HubSpot's answer does not say what became of the contact; it is sent again.")
        if isinstance(outcome, Fault):
            raise outcome.raised("write the contact")
        return outcome

    async def finish(self, record: Record, change: Json) -> None:
        """Associate the contact with its company."""
        if change.get("account_id"):
            await self.client.associate("contacts", record.id, "companies", str(change["account_id"]))


class HubSpotCrm(LeadReading):
    """`Crm` on HubSpot."""

    def __init__(self, hubspot: HubSpot, pending: Pending) -> None:
        super().__init__(hubspot, pending)
        self._hubspot = hubspot

    async def find_accounts(self, lead: Lead) -> Sequence[CrmAccount]:
        """See `Crm.find_accounts`. A company that was made seconds ago may not be found yet."""
        groups = self._groups(lead)
        if not groups:
            return []
        async with self._hubspot.asked() as client:
            found = await client.search("companies", groups, self._hubspot.mapping.of_company())
            return [await self._hubspot.account(company) for company in found]

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
        return self._hubspot.enrichment(company, open_deals)

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
