"""Undo what the engine could not of our own choice, and book the owner whom a person chose in the CRM."""

from __future__ import annotations

from workers.lead_routing.ports import LeadRoutingPorts
from workers.lead_routing.ports.crm import CHANNEL
from workers.lead_routing.ports.leads import FINAL
from workers.office import withdrawals
from workers.runtime.task import Contract, task


class SettleTakeOverInput(Contract):
    """Which lead, and who has it."""

    lead_id: str
    taken_by: str


class SettleTakeOverOutput(Contract):
    """What was undone here: ids of elements whose job was interrupted after its effect was committed."""

    leftovers_undone: list[str]


@task(business_id="lead_id", effect="once", after_close=True)
async def settle_take_over(given: SettleTakeOverInput, ports: LeadRoutingPorts) -> SettleTakeOverOutput:
    """Run the compensation handlers of effects whose jobs were interrupted under way, then book the owner as accepted.

    A lead that was merged or discarded before keeps that end.
    """
    undone = await withdrawals.settle(ports.work)
    await ports.reps.take_over(given.lead_id, given.taken_by, "A person chose in the CRM.")
    received = await ports.leads.received(given.lead_id)
    if received.state not in FINAL:
        now = ports.clock()
        await ports.leads.set_owner(given.lead_id, given.taken_by, now, None)
        await ports.leads.accepted(given.lead_id, now)
        # Only while the person has it there: who was given it since is looked at anew.
        change = {"lead_id": given.lead_id, "status": "accepted", "only_if_owner": given.taken_by}
        await ports.work.send(CHANNEL, change)
    return SettleTakeOverOutput(leftovers_undone=undone)
