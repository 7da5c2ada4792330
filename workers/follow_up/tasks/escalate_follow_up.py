"""Tell the manager that a promised contact is overdue."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.follow_up.domain.follow_up import title
from workers.follow_up.ports import FollowUpPorts
from workers.office.letters import CHANNEL, escalation
from workers.runtime.task import Contract, task


class EscalateFollowUpInput(Contract):
    """Which follow-up, and for the how-manieth time."""

    follow_up_id: str
    occurrence: str
    due_at: AwareDatetime


class EscalateFollowUpOutput(Contract):
    """When it was."""

    escalated_at: AwareDatetime


@task(business_id="follow_up_id", effect="once", loop="occurrence", due=lambda given: given.due_at)
async def escalate_follow_up(given: EscalateFollowUpInput, ports: FollowUpPorts) -> EscalateFollowUpOutput:
    """Write to the rep's manager, and note it; the task stays open, and the manager may take it or pass it on."""
    now = ports.clock()
    found = await ports.book.find(given.follow_up_id)
    await ports.book.escalated(given.follow_up_id, now)
    name = title(found, await ports.book.subject(found.subject_kind, found.subject_id))
    addresses = await ports.book.addresses(await ports.book.rep(found.rep_id), "sales-managers")
    await ports.work.send(CHANNEL, escalation(name, due_at=given.due_at, link=ports.tasks_link).to(addresses))
    await ports.work.note("escalated", "sales-managers are told by mail, as it is overdue.")
    return EscalateFollowUpOutput(escalated_at=now)
