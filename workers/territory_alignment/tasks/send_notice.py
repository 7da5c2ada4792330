"""Remind of a task, tell that it is overdue, or that something takes long."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.office import notices
from workers.runtime.task import Contract, task
from workers.territory_alignment.ports import TerritoryAlignmentPorts


class SendNoticeInput(Contract):
    """Which task, the how-manieth time it came about, and which notice goes to whom."""

    alignment_id: str
    organisation_name: str
    task_name: str
    notice: notices.Notice
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


@task(business_id="alignment_id", effect="once", loop="occurrence", due=lambda given: given.due_at)
async def send_notice(given: SendNoticeInput, ports: TerritoryAlignmentPorts) -> SendNoticeOutput:
    """Write to the audience; each occurrence once."""
    await notices.send(
        ports.work,
        given.notice,
        given.task_name,
        given.organisation_name,
        audience=given.audience,
        addresses=await ports.notices.addresses(given.alignment_id, given.audience, given.assignee),
        due_at=given.due_at,
        link=ports.notices.tasks,
    )
    return SendNoticeOutput(notice_sent_at=ports.clock())
