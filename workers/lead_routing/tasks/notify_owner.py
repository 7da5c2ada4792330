"""Tell the new owner by mail."""

from __future__ import annotations

from datetime import datetime

from workers.lead_routing.domain import letters
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.routing import Paths
from workers.lead_routing.ports import LeadRoutingPorts
from workers.office.letters import CHANNEL
from workers.runtime.task import Contract, task


class Owner(Contract):
    """What is needed of the assignment."""

    owner_id: str
    owner_email: str
    why: str


class Rated(Contract):
    """What is needed of the score, the model's or the table's."""

    band: str
    reasons_text: str = ""
    """Markdown list."""


class Acceptance(Contract):
    """Until when the owner may answer."""

    due_at: datetime


class NotifyOwnerInput(Contract):
    """The assignment of this round and what the owner should know."""

    lead_id: str
    round: int
    assignment: Owner
    lead: Lead
    score: Rated
    acceptance_deadlines: Acceptance
    paths: Paths | None = None
    """None: it began before there were any to choose from."""


class NotifyOwnerOutput(Contract):
    """That the mail is on its way."""

    owner_notified: bool


@task(business_id="lead_id", effect="once", loop="round", due=lambda given: given.acceptance_deadlines.due_at)
async def notify_owner(given: NotifyOwnerInput, ports: LeadRoutingPorts) -> NotifyOwnerOutput:
    """Write the mail. It names the lead and its company, but neither address, number nor message."""
    who = " · ".join(part for part in (given.lead.name, given.lead.company) if part) or given.lead_id
    asked = given.paths is None or given.paths.owner_acceptance
    letter = letters.assignment(
        who,
        band=given.score.band,
        reasons=given.score.reasons_text.strip(),
        why=given.assignment.why,
        due_at=given.acceptance_deadlines.due_at if asked else None,
        link=ports.mail.task_link(given.lead_id),
    )
    await ports.work.send(CHANNEL, letter.to([given.assignment.owner_email]))
    ports.work.record(owner_email=given.assignment.owner_email, who=who)
    await ports.work.note("notified", "The owner gets a mail.", owner=given.assignment.owner_id)
    return NotifyOwnerOutput(owner_notified=True)
