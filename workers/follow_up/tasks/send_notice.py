"""Remind of a promise before it is due."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.follow_up.domain.follow_up import title
from workers.follow_up.ports import FollowUpPorts
from workers.office.letters import CHANNEL, reminder
from workers.runtime.task import Contract, task


class SendNoticeInput(Contract):
    """Which follow-up, for the how-manieth time, and whom to remind."""

    follow_up_id: str
    occurrence: str
    group: str
    due_at: AwareDatetime


class SendNoticeOutput(Contract):
    """When it was written."""

    notice_sent_at: AwareDatetime


@task(business_id="follow_up_id", effect="once", loop="occurrence", due=lambda given: given.due_at)
async def send_notice(given: SendNoticeInput, ports: FollowUpPorts) -> SendNoticeOutput:
    """Write to whoever has it; each occurrence once."""
    found = await ports.book.find(given.follow_up_id)
    name = title(found, await ports.book.subject(found.subject_kind, found.subject_id))
    addresses = await ports.book.addresses(await ports.book.rep(found.rep_id), given.group)
    await ports.work.send(CHANNEL, reminder(name, due_at=given.due_at, link=ports.tasks_link).to(addresses))
    await ports.work.note("reminded", f"{given.group} are told by mail, before it is due.")
    return SendNoticeOutput(notice_sent_at=ports.clock())
