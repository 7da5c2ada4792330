"""Undo what the engine could not, and tell the CRM that the lead was withdrawn."""

from __future__ import annotations

from workers.lead_routing.ports import LeadRoutingPorts
from workers.lead_routing.ports.crm import CHANNEL
from workers.office import withdrawals
from workers.runtime.task import Contract, task


class SettleWithdrawalInput(Contract):
    """Which lead."""

    lead_id: str


class SettleWithdrawalOutput(Contract):
    """What was undone here: ids of elements whose job was interrupted after its effect was committed."""

    leftovers_undone: list[str]


@task(business_id="lead_id", effect="once", after_close=True)
async def settle_withdrawal(given: SettleWithdrawalInput, ports: LeadRoutingPorts) -> SettleWithdrawalOutput:
    """Run the compensation handlers of effects whose jobs were interrupted under way, then tell the CRM."""
    undone = await withdrawals.settle(ports.work)
    received = await ports.leads.received(given.lead_id)
    if received.state == "withdrawn":
        await ports.work.send(CHANNEL, {"lead_id": given.lead_id, "status": "withdrawn"})
    return SettleWithdrawalOutput(leftovers_undone=undone)
