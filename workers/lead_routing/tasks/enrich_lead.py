"""Ask the CRM what it knows of the lead's account."""

from __future__ import annotations

from typing import ClassVar

from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import Account, Enrichment
from workers.lead_routing.ports import LeadRoutingPorts
from workers.lead_routing.ports.crm import CrmDown
from workers.runtime.errors import BusinessError
from workers.runtime.task import Contract, task


class CrmUnavailable(BusinessError):
    """The CRM did not answer in time; the lead goes on without what it knows."""

    code: ClassVar[str] = "crm_unavailable"


class EnrichLeadInput(Contract):
    """The lead and its account."""

    lead_id: str
    lead: Lead
    account: Account | None = None


class EnrichLeadOutput(Contract):
    """What the CRM knows; None without an account."""

    enrichment: Enrichment | None


@task(business_id="lead_id", effect="none", errors=(CrmUnavailable,), timeout_seconds=10)
async def enrich_lead(given: EnrichLeadInput, ports: LeadRoutingPorts) -> EnrichLeadOutput:
    """Read the account's size, revenue, industry and open opportunities, waiting 2 s at most.

    Raises:
        CrmUnavailable: no answer in time.
    """
    if given.account is None:
        return EnrichLeadOutput(enrichment=None)
    try:
        return EnrichLeadOutput(enrichment=await ports.crm.enrichment(given.account.id))
    except CrmDown as error:
        raise CrmUnavailable(variables={"enrichment": None}) from error
