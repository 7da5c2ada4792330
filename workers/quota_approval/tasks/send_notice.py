"""Remind of a task, or tell that it is overdue."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from workers.office import notices
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class SendNoticeInput(Contract):
    """Which task, the how-manieth time it came about, and which notice goes to whom."""

    quota_id: str
    organisation: str
    organisation_name: str
    task_name: str
    notice: Literal["reminder", "escalation"]
    occurrence: str
    audience: str
    """A group of the organisation."""
    logins: list[str] | None = None
    """Those who have the task, if it is not the whole group's."""
    due_at: AwareDatetime


class SendNoticeOutput(Contract):
    """When it was written."""

    notice_sent_at: AwareDatetime


@task(business_id="quota_id", effect="once", loop="occurrence", due=lambda given: given.due_at)
async def send_notice(given: SendNoticeInput, ports: QuotaApprovalPorts) -> SendNoticeOutput:
    """Write to the audience; each occurrence once."""
    people = await ports.book.people(given.organisation)
    own = [one.email for one in people if one.login in set(given.logins or ())]
    await notices.send(
        ports.work,
        given.notice,
        given.task_name,
        given.organisation_name,
        audience=given.audience,
        addresses=own or await ports.book.addresses(given.organisation, given.audience),
        due_at=given.due_at,
        link=ports.tasks,
    )
    return SendNoticeOutput(notice_sent_at=ports.clock())
