"""Somebody gave the lead an owner in the CRM: close the case, so that nothing else is decided in it."""

from __future__ import annotations

from datetime import datetime

from workers.lead_routing.ports import LeadRoutingPorts
from workers.runtime.task import Contract, task


class RecordTakeOverInput(Contract):
    """Which lead, and who has it now: a rep, or somebody of the CRM who is none of ours."""

    lead_id: str
    taken_by: str


class RecordTakeOverOutput(Contract):
    """When the case was closed."""

    taken_over_at: datetime


@task(business_id="lead_id", effect="once", after_close=True, closes=True)
async def record_take_over(given: RecordTakeOverInput, ports: LeadRoutingPorts) -> RecordTakeOverOutput:
    """Fence the case, after waiting for effects under way."""
    await ports.work.close_case("taken over")
    await ports.work.note(
        "taken_over", "A person gave it an owner in the CRM; our choice is undone.", owner=given.taken_by
    )
    return RecordTakeOverOutput(taken_over_at=ports.clock())
