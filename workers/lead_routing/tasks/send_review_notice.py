"""Remind of a scorer's review, or tell that it is overdue."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from workers.lead_routing.ports import LeadRoutingPorts
from workers.office import letters
from workers.runtime.task import Contract, task


class SendReviewNoticeInput(Contract):
    """Which review, and which of the two notices to whom."""

    scorer_id: str
    schema_name: str
    attempt: str
    due_at: AwareDatetime
    notice: Literal["reminder", "escalation"]
    audience: Literal["sales-ops", "sales-managers"]


class SendReviewNoticeOutput(Contract):
    """When it was written."""

    notice_sent_at: AwareDatetime


@task(business_id="scorer_id", effect="once", loop="attempt")
async def send_review_notice(given: SendReviewNoticeInput, ports: LeadRoutingPorts) -> SendReviewNoticeOutput:
    """Write to the audience; each notice of a review once."""
    write = letters.reminder if given.notice == "reminder" else letters.escalation
    letter = write(f"Review scorer {given.schema_name}", due_at=given.due_at, link=ports.upkeep.review_link)
    managers = await ports.upkeep.managers() if given.audience == "sales-managers" else ()
    await ports.work.send(
        letters.CHANNEL, letter.to(managers or await ports.mail.addresses("sales-ops", given.scorer_id))
    )
    action, why = ("reminded", "before it is due") if given.notice == "reminder" else ("escalated", "as it is overdue")
    await ports.work.note(action, f"{given.audience} are told by mail, {why}.", task="Review scorer")
    return SendReviewNoticeOutput(notice_sent_at=ports.clock())
