"""Salesforce as the CRM of lead routing: a lead is a lead, an account is an account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from workers.connectors.answers import Json, SystemConflict, SystemDown
from workers.connectors.leads import LeadReading, Pending, System
from workers.connectors.records import Record
from workers.connectors.salesforce import soql
from workers.connectors.salesforce.answers import Fault
from workers.connectors.salesforce.client import SalesforceClient
from workers.connectors.salesforce.mapping import FieldMapping
from workers.connectors.salesforce.read import Read
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import CrmAccount, Enrichment, domains_of
from workers.lead_routing.domain.text import fold_company

MOST_ACCOUNTS = 500
"""That a search gives at most."""


class Parents:
    """Writing two leads of one account at once locks its row twice, and Salesforce refuses the second; so one after the
    other. Another process may still be in the way: then it is tried again.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def alone(self, account_id: str) -> AsyncIterator[None]:
        """Nobody else of this process writes to the account's leads meanwhile; empty: there is no account."""
        lock = self._locks.setdefault(account_id, asyncio.Lock()) if account_id else asyncio.Lock()
        async with lock:
            yield


@dataclass(frozen=True)
class Salesforce(System[SalesforceClient, FieldMapping]):
    """What a process shares that speaks to Salesforce."""

    parents: Parents = field(default_factory=Parents)

    async def record(self, lead_id: str) -> tuple[Record | None, bool]:
        """See `System.record`. Of several leads with the same address the newest counts that is no other lead of ours."""
        fields, keeps = self.mapping.of_lead(), self.mapping.keeps
        held = await self.client.get("Lead", lead_id, fields, key=keeps.lead_id)
        if held is not None:
            return held, True
        known = await self.book.lead(lead_id)
        found = None
        if known.record_id:
            found = await self.client.get("Lead", known.record_id, fields)
        if found is None and known.email:
            where = f"Email = {soql.text(known.email)} AND {keeps.lead_id} = null AND IsConverted = false"
            alike = await self.client.query(
                soql.select(fields, "Lead", where, order="CreatedDate DESC, Id DESC", most=1)
            )
            found = alike[0] if alike else None
        return found, False

    async def write(self, lead_id: str, record: Record | None, properties: Mapping[str, str], change: Json) -> Record:
        """See `System.write`. A lead that was there is written only if nobody changed it since it was read.

        Salesforce compares in whole seconds. If what was read is of this very second, a later change could look the same:
        where it matters whose the lead was, it is read again when the second is over.
        """
        key, account = self.mapping.keeps.lead_id, str(change.get("account_id") or "")
        values = {**properties, **({self.mapping.keeps.account: account} if account else {})}
        async with self.parents.alone(account):
            if record is None:
                outcome = (await self.client.upsert("Lead", key, {lead_id: values})).get(lead_id)
                if outcome is None:
                    raise SystemDown("Salesforce's answer does not say what became of the lead; it is sent again.")
                if isinstance(outcome, Fault):
                    raise outcome.raised("write the lead")
                return Record(outcome, values)
            changed = record.changed if isinstance(record, Read) else None
            if "only_if_owner" in change and not (isinstance(record, Read) and record.settled):
                raise SystemConflict("The lead was changed in Salesforce this very second; it is read again.")
            await self.client.update("Lead", record.id, {**values, key: lead_id}, unless_changed_since=changed)
            return record


class SalesforceCrm(LeadReading):
    """`Crm` on Salesforce."""

    def __init__(self, salesforce: Salesforce, pending: Pending) -> None:
        super().__init__(salesforce, pending)
        self._salesforce = salesforce

    async def find_accounts(self, lead: Lead) -> Sequence[CrmAccount]:
        """See `Crm.find_accounts`."""
        conditions = self._conditions(lead)
        if not conditions:
            return []
        fields = self._salesforce.mapping.of_company()
        query = soql.select(fields, "Account", " OR ".join(conditions), order="Id", most=MOST_ACCOUNTS)
        async with self._salesforce.asked() as client:
            return [await self._salesforce.account(company) for company in await client.query(query)]

    async def enrichment(self, account_id: str) -> Enrichment | None:
        """See `Crm.enrichment`."""
        async with self._salesforce.asked() as client:
            company = await client.get("Account", account_id, self._salesforce.mapping.of_company())
            if company is None:
                return None
            open_ = f"AccountId = {soql.text(company.id)} AND IsClosed = false"
            return self._salesforce.enrichment(company, await client.count("Opportunity", open_))

    def _conditions(self, lead: Lead) -> list[str]:
        """For accounts: a net with wide meshes, `domain.matching` decides."""
        names = self._salesforce.mapping.account
        found = []
        if "domain" in names:
            found += [f"{names['domain']} LIKE {soql.like('', domain, '')}" for domain in domains_of(lead)]
        if lead.company and lead.country:
            # Salesforce tells accents apart, we don't.
            words = {*lead.company.split()[:1], *fold_company(lead.company).split()[:1]}
            found += [f"{names['name']} LIKE {soql.like(word, '')}" for word in sorted(words)]
        if "phone" in names and lead.phone:
            found.append(f"{names['phone']} = {soql.text(lead.phone)}")
        return found
