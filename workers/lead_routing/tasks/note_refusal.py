"""Remember who did not take the lead, so that it is not offered to them again."""

from __future__ import annotations

from typing import Literal

from workers.lead_routing.domain.refusals import TAKEN_BACK
from workers.lead_routing.ports import LeadRoutingPorts
from workers.runtime.task import Contract, task


class Owner(Contract):
    """What is needed of the assignment."""

    owner_id: str
    owner_login: str


class NoteRefusalInput(Contract):
    """Who refused in which round, and how."""

    lead_id: str
    round: int
    assignment: Owner
    owner_response: Literal["reject", "sla_breached"]
    reject_reason: str | None = None
    reject_note: str | None = None
    refused_by: list[str] = []  # noqa: RUF012 - pydantic copies it


class NoteRefusalOutput(Contract):
    """The state of the next round; answers and choices of this one are cleared."""

    round: int
    refused_by: list[str]
    refusals: int
    chosen_owner: None
    chosen_by: None
    owner_response: None


@task(business_id="lead_id", effect="once", loop="round")
async def note_refusal(given: NoteRefusalInput, ports: LeadRoutingPorts) -> NoteRefusalOutput:
    """Count the refusal or the breach and begin the next round."""
    owner = given.assignment
    breached = given.owner_response == "sla_breached"
    await ports.leads.refused(given.lead_id, breached)
    if breached:
        await ports.work.note(
            "sla_breached", "The owner did not answer in time.", owner=owner.owner_id, round=given.round
        )
    else:
        # The note is free text, which may name the lead: the timeline says only whether there is one.
        reason = given.reject_reason or "no reason given"
        taken_back = TAKEN_BACK.get(reason)
        await ports.work.note(
            "rejected",
            f"Taken back by self-healing: the owner {taken_back}."
            if taken_back
            else f"The owner refused: {reason}{', with a note' if given.reject_note else ''}.",
            actor=None if taken_back else owner.owner_login,
            owner=owner.owner_id,
            round=given.round,
            reason=given.reject_reason,
        )
    refused_by = list(dict.fromkeys([*given.refused_by, owner.owner_id]))
    return NoteRefusalOutput(
        round=given.round + 1,
        refused_by=refused_by,
        refusals=given.round + 1,  # a round ends by a refusal, and only so
        chosen_owner=None,
        chosen_by=None,
        owner_response=None,
    )
