"""Remind of a task, tell that it is overdue, or that something takes long."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.forecast_review.ports import ForecastReviewPorts
from workers.office import notices
from workers.runtime.task import Contract, task


class SendNoticeInput(Contract):
    """Which task, the how-manieth time it came about, and which notice goes to whom."""

    forecast_id: str
    organisation_name: str
    task_name: str
    notice: notices.Notice
    occurrence: str
    audience: str
    """A group of the organisation."""
    assignee: str | None = None
    """The person who has the task, if it is one's."""
    due_at: AwareDatetime | None = None
    """Needed for all but ``slow``."""


class SendNoticeOutput(Contract):
    """When it was written."""

    notice_sent_at: AwareDatetime


@task(business_id="forecast_id", effect="once", loop="occurrence", due=lambda given: given.due_at)
async def send_notice(given: SendNoticeInput, ports: ForecastReviewPorts) -> SendNoticeOutput:
    """Write to the audience; each occurrence once."""
    await notices.send(
        ports.work,
        given.notice,
        given.task_name,
        given.organisation_name,
        audience=given.audience,
        addresses=await ports.notices.addresses(given.forecast_id, given.audience, given.assignee),
        due_at=given.due_at,
        link=ports.notices.tasks,
    )
    return SendNoticeOutput(notice_sent_at=ports.clock())
