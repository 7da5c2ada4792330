"""Tell somebody above that a task is overdue."""

from __future__ import annotations

from datetime import datetime

from workers.lead_routing.ports import LeadRoutingPorts
from workers.lead_routing.ports.mail import Audience
from workers.office import letters
from workers.runtime.task import Contract, task


class Owner(Contract):
    """What is needed of the assignment."""

    owner_email: str | None = None


class SendEscalationInput(Contract):
    """Which task, the how-manieth time it came about, and who is written to."""

    lead_id: str
    task_name: str
    occurrence: str
    due_at: datetime
    audience: Audience
    assignment: Owner | None = None


class SendEscalationOutput(Contract):
    """When it was written."""

    escalated_at: datetime


@task(business_id="lead_id", effect="once", loop="occurrence", due=lambda given: given.due_at)
async def send_escalation(given: SendEscalationInput, ports: LeadRoutingPorts) -> SendEscalationOutput:
    """Write to the audience; each occurrence once."""
    addresses = await ports.mail.addresses(
        given.audience, given.lead_id, owner_email=given.assignment.owner_email if given.assignment else None
    )
    letter = letters.escalation(given.task_name, due_at=given.due_at, link=ports.mail.task_link(given.lead_id))
    await ports.work.send(letters.CHANNEL, letter.to(addresses))
    await ports.work.note(
        "escalated",
        f"{given.audience} {'are' if given.audience != 'owner' else 'is'} told by mail, as the task is overdue.",
        task=given.task_name,
    )
    return SendEscalationOutput(escalated_at=ports.clock())
