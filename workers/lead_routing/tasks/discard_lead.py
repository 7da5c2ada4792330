"""Close a lead that somebody decided not to follow up."""

from __future__ import annotations

from datetime import datetime

from workers.lead_routing.ports import LeadRoutingPorts
from workers.lead_routing.ports.crm import CHANNEL
from workers.runtime.task import Contract, task

_DISCARD = "discard"


class DiscardLeadInput(Contract):
    """Which of the human tasks ended how; those that never ran gave nothing."""

    lead_id: str
    correction_outcome: str | None = None
    triage_outcome: str | None = None
    triage_note: str | None = None
    manager_outcome: str | None = None
    manager_note: str | None = None


class DiscardLeadOutput(Contract):
    """When it was closed."""

    discarded_at: datetime


@task(business_id="lead_id", effect="once")
async def discard_lead(given: DiscardLeadInput, ports: LeadRoutingPorts) -> DiscardLeadOutput:
    """Close the lead as discarded, here and in the CRM, and say who wanted that."""
    # The manager decides last, so that the latest answer counts. Notes are free text: they may name the lead, so
    # the timeline says only whether there is one.
    if given.manager_outcome == _DISCARD:
        by, note = "The manager", given.manager_note
    elif given.triage_outcome == _DISCARD:
        by, note = "Triage", given.triage_note
    else:
        by, note = "Whoever was to correct it", None
    await ports.leads.set_state(given.lead_id, "discarded")
    await ports.work.send(CHANNEL, {"lead_id": given.lead_id, "status": "discarded", "owner_id": None})
    await ports.work.note("discarded", f"{by} discarded it{' with a note' if note else ''}.")
    return DiscardLeadOutput(discarded_at=ports.clock())
