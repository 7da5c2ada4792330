"""The owner took the lead: say so in the book and in the CRM."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.lead_routing.domain.routing import Paths
from workers.lead_routing.ports import LeadRoutingPorts
from workers.lead_routing.ports.crm import CHANNEL
from workers.runtime.errors import PermanentError
from workers.runtime.task import Contract, task


class Owner(Contract):
    """What is needed of the assignment."""

    owner_id: str
    owner_login: str


class ConfirmAcceptanceInput(Contract):
    """Who accepted in which round."""

    lead_id: str
    round: int
    assignment: Owner
    paths: Paths | None = None
    """None: it began before there were any to choose from."""


class ConfirmAcceptanceOutput(Contract):
    """When it was noted."""

    accepted_at: AwareDatetime


@task(business_id="lead_id", effect="once")
async def confirm_acceptance(given: ConfirmAcceptanceInput, ports: LeadRoutingPorts) -> ConfirmAcceptanceOutput:
    """Note the acceptance.

    Raises:
        PermanentError: the assignment was released in the meantime.
    """
    now = ports.clock()
    if not await ports.reps.accept(given.lead_id, given.round, now):
        raise PermanentError(
            f"The assignment of {given.lead_id} was released before its owner accepted. "
            "Read the lead's timeline, then assign it again or cancel this case."
        )
    await ports.leads.accepted(given.lead_id, now)
    await ports.work.send(CHANNEL, {"lead_id": given.lead_id, "status": "accepted"})
    asked = given.paths is None or given.paths.owner_acceptance
    reasons = given.paths.why if given.paths else ()
    await ports.work.note(
        "accepted",
        "The owner took the lead."
        if asked
        else f"The owner has the lead without being asked. {' '.join(reasons)}".rstrip(),
        actor=given.assignment.owner_login if asked else None,
        owner=given.assignment.owner_id,
        round=given.round,
    )
    return ConfirmAcceptanceOutput(accepted_at=now)
