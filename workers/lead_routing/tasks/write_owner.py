"""Write the new owner to the CRM."""

from __future__ import annotations

from dataclasses import asdict

from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import Account
from workers.lead_routing.ports import LeadRoutingPorts
from workers.lead_routing.ports.crm import CHANNEL, TOLD
from workers.runtime.task import Contract, task


class Owner(Contract):
    """What is needed of the assignment."""

    owner_id: str


class CrmWrite(Contract):
    """What the CRM said before."""

    former_owner: str | None


class WriteOwnerInput(Contract):
    """The assignment of this round."""

    lead_id: str
    round: int
    assignment: Owner
    lead: Lead
    account: Account | None = None


class WriteOwnerOutput(Contract):
    """What an analyst may want to see of it."""

    crm_write: CrmWrite


@task(business_id="lead_id", effect="once", loop="round")
async def write_owner(given: WriteOwnerInput, ports: LeadRoutingPorts) -> WriteOwnerOutput:
    """Record who has the lead in the CRM now, and send the new owner there.

    Raises:
        CrmDown: the CRM did not answer; tried again.
    """
    former = await ports.crm.lead(given.lead_id)
    former_owner = former.owner_id if former else None
    ports.work.record(
        owner_id=given.assignment.owner_id,
        former_owner=former_owner,
        former_status=former.status if former else "new",
    )
    told = {key: value for key, value in asdict(given.lead).items() if key in TOLD and value is not None}
    await ports.work.send(
        CHANNEL,
        {
            "lead_id": given.lead_id,
            "owner_id": given.assignment.owner_id,
            "status": "assigned",
            "account_id": given.account.id if given.account else None,
            "fields": told,
        },
    )
    await ports.work.note("crm_written", "The CRM gets the new owner.", owner=given.assignment.owner_id)
    return WriteOwnerOutput(crm_write=CrmWrite(former_owner=former_owner))
