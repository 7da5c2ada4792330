"""Close a case that was withdrawn, so that nothing new happens in it."""

from __future__ import annotations

from datetime import datetime

from workers.lead_routing.ports import LeadRoutingPorts
from workers.office import withdrawals
from workers.runtime.task import Contract, task


class RecordWithdrawalInput(Contract):
    """Which lead, and why, if that was said."""

    lead_id: str
    withdraw_why: str | None = None


class RecordWithdrawalOutput(Contract):
    """When the case was closed."""

    withdrawn_at: datetime


@task(business_id="lead_id", effect="once", after_close=True, closes=True)
async def record_withdrawal(given: RecordWithdrawalInput, ports: LeadRoutingPorts) -> RecordWithdrawalOutput:
    """Fence the case, after waiting for effects under way, and mark the lead as withdrawn.

    A lead that was merged or discarded before keeps that state: its story had ended.
    """

    async def mark(_now: datetime) -> None:
        received = await ports.leads.received(given.lead_id)
        if received.state not in {"merged", "discarded"}:
            await ports.leads.set_state(given.lead_id, "withdrawn")

    at = await withdrawals.record(ports.work, ports.clock, mark, given.withdraw_why)
    return RecordWithdrawalOutput(withdrawn_at=at)
