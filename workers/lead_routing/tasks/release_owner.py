"""Take the lead from its owner again: the slot is free and the pool's credits are as if it had not been given."""

from __future__ import annotations

from workers.lead_routing.ports import LeadRoutingPorts
from workers.runtime.task import Contract, task


class ReleaseOwnerInput(Contract):
    """Which round is undone."""

    lead_id: str
    round: int


class ReleaseOwnerOutput(Contract):
    """Whether there was anything to undo."""

    owner_released: bool


@task(business_id="lead_id", effect="once", loop="round", undoes="assign_owner", after_close=True)
async def release_owner(given: ReleaseOwnerInput, ports: LeadRoutingPorts) -> ReleaseOwnerOutput:
    """Give back exactly what `assign_owner` booked in this round."""
    recorded = await ports.work.recorded()
    if recorded is None:
        return ReleaseOwnerOutput(owner_released=False)
    released = await ports.reps.release(given.lead_id, given.round, "The assignment was undone.", ports.clock())
    if released is None:
        return ReleaseOwnerOutput(owner_released=False)
    await ports.leads.clear_owner(given.lead_id)
    await ports.work.note(
        "released",
        "The slot and the credit were given back.",
        owner=released.rep_id,
        round=given.round,
        pool=released.pool,
        credits=dict(released.credits),
    )
    return ReleaseOwnerOutput(owner_released=True)
