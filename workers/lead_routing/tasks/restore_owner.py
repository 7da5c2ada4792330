"""Give the lead back, in the CRM, to whoever had it before `write_owner`."""

from __future__ import annotations

from workers.lead_routing.ports import LeadRoutingPorts
from workers.lead_routing.ports.crm import CHANNEL
from workers.runtime.task import Contract, task


class RestoreOwnerInput(Contract):
    """Which round is undone."""

    lead_id: str
    round: int


class RestoreOwnerOutput(Contract):
    """Whether there was anything to undo."""

    owner_restored: bool


@task(business_id="lead_id", effect="once", loop="round", undoes="write_owner", after_close=True)
async def restore_owner(given: RestoreOwnerInput, ports: LeadRoutingPorts) -> RestoreOwnerOutput:
    """Send the recorded former owner to the CRM; it is left alone if somebody else was given the lead there."""
    recorded = await ports.work.recorded()
    if recorded is None:
        return RestoreOwnerOutput(owner_restored=False)
    await ports.work.send(
        CHANNEL,
        {
            "lead_id": given.lead_id,
            "owner_id": recorded["former_owner"],
            "status": recorded["former_status"],
            "only_if_owner": recorded["owner_id"],
        },
    )
    await ports.work.note(
        "crm_restored",
        "The CRM gets the former owner back.",
        owner=recorded["former_owner"],
        undone=recorded["owner_id"],
    )
    return RestoreOwnerOutput(owner_restored=True)
