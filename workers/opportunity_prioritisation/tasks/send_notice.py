"""Remind of a rep's list, or tell the manager that it is overdue."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from workers.office.letters import CHANNEL, escalation, reminder
from workers.opportunity_prioritisation.domain.lists import RepList
from workers.opportunity_prioritisation.ports import PrioritisationPorts
from workers.runtime.task import Contract, task


class SendNoticeInput(Contract):
    """Whose list, and which notice."""

    prioritisation_id: str
    rep_list: RepList
    notice: Literal["reminder", "escalation"]
    occurrence: str
    due_at: AwareDatetime


class SendNoticeOutput(Contract):
    """When it was written."""

    notice_sent_at: AwareDatetime


@task(business_id="prioritisation_id", effect="once", loop="occurrence", due=lambda given: given.due_at)
async def send_notice(given: SendNoticeInput, ports: PrioritisationPorts) -> SendNoticeOutput:
    """Write to the rep, or to the rep's manager; each occurrence once."""
    rep = await ports.lists.rep(given.rep_list.rep_id)
    name = f"Today's opportunities: {rep.name}"
    group, write = ("sales-reps", reminder) if given.notice == "reminder" else ("sales-managers", escalation)
    letter = write(name, due_at=given.due_at, link=ports.tasks_link)
    await ports.work.send(CHANNEL, letter.to(await ports.lists.addresses(rep.id, group)))
    action = "reminded" if given.notice == "reminder" else "escalated"
    await ports.work.note(action, f"{group} are told by mail.", rep=rep.id)
    return SendNoticeOutput(notice_sent_at=ports.clock())
