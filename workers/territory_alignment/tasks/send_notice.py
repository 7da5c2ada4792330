"""Remind of a task, tell that it is overdue, or that something takes long."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from workers.office.letters import CHANNEL, escalation, reminder
from workers.runtime.errors import PermanentError
from workers.runtime.task import Contract, task
from workers.territory_alignment.domain import letters
from workers.territory_alignment.ports import TerritoryAlignmentPorts


class SendNoticeInput(Contract):
    """Which task, the how-manieth time it came about, and which notice goes to whom."""

    alignment_id: str
    organisation_name: str
    task_name: str
    notice: Literal["reminder", "escalation", "slow"]
    occurrence: str
    audience: str
    """A group of the organisation."""
    assignee: str | None = None
    """Log-in of the manager who has the task, if it is one's."""
    due_at: AwareDatetime | None = None
    """Needed for all but ``slow``."""


class SendNoticeOutput(Contract):
    """When it was written."""

    notice_sent_at: AwareDatetime


_WHY = {"reminder": "before it is due", "escalation": "as it is overdue", "slow": "as it takes long"}


@task(business_id="alignment_id", effect="once", loop="occurrence", due=lambda given: given.due_at)
async def send_notice(given: SendNoticeInput, ports: TerritoryAlignmentPorts) -> SendNoticeOutput:
    """Write to the audience; each occurrence once."""
    name = f"{given.task_name}: {given.organisation_name}"
    if given.notice == "slow":
        letter = letters.takes_long(name, link=ports.notices.tasks)
    elif given.due_at is None:
        raise PermanentError("A reminder needs `due_at`. Map it on this element of the diagram.")
    else:
        write = reminder if given.notice == "reminder" else escalation
        letter = write(name, due_at=given.due_at, link=ports.notices.tasks)
    addresses = await ports.notices.addresses(given.alignment_id, given.audience, given.assignee)
    await ports.work.send(CHANNEL, letter.to(addresses))
    action = {"reminder": "reminded", "escalation": "escalated", "slow": "told_slow"}[given.notice]
    await ports.work.note(action, f"{given.audience} are told by mail, {_WHY[given.notice]}.", task=given.task_name)
    return SendNoticeOutput(notice_sent_at=ports.clock())
