"""Merge a lead with its twin, which gains what it lacked."""

from __future__ import annotations

from workers.lead_routing.ports import LeadRoutingPorts
from workers.lead_routing.ports.crm import CHANNEL
from workers.runtime.task import Contract, task


class MergeDuplicateInput(Contract):
    """The lead and the twin that stays."""

    lead_id: str
    duplicate_of: str


class MergeDuplicateOutput(Contract):
    """The lead that stayed."""

    merged_into: str


@task(business_id="lead_id", effect="once")
async def merge_duplicate(given: MergeDuplicateInput, ports: LeadRoutingPorts) -> MergeDuplicateOutput:
    """Close the lead as merged, here and in the CRM."""
    gained = await ports.leads.merge(given.lead_id, given.duplicate_of)
    await ports.work.send(
        CHANNEL, {"lead_id": given.lead_id, "status": "merged", "fields": {"merged_into": given.duplicate_of}}
    )
    why = f"Its twin gained: {', '.join(gained)}." if gained else "Its twin knew everything already."
    await ports.work.note("merged", why, merged_into=given.duplicate_of, gained=list(gained))
    return MergeDuplicateOutput(merged_into=given.duplicate_of)
