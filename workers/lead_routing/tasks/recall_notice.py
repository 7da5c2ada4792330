"""Tell an owner who was notified that the lead is no longer theirs."""

from __future__ import annotations

from workers.lead_routing.domain import letters
from workers.lead_routing.ports import LeadRoutingPorts
from workers.office.letters import CHANNEL
from workers.runtime.task import Contract, task


class RecallNoticeInput(Contract):
    """Which round is undone."""

    lead_id: str
    round: int


class RecallNoticeOutput(Contract):
    """Whether there was a notice to recall."""

    notice_recalled: bool


@task(business_id="lead_id", effect="once", loop="round", undoes="notify_owner", after_close=True)
async def recall_notice(given: RecallNoticeInput, ports: LeadRoutingPorts) -> RecallNoticeOutput:
    """Write to the address that the notice went to. A mail can't be taken back, so a second one says so."""
    recorded = await ports.work.recorded()
    if recorded is None:
        return RecallNoticeOutput(notice_recalled=False)
    await ports.work.send(CHANNEL, letters.recall(recorded["who"]).to([recorded["owner_email"]]))
    await ports.work.note("recalled", "The owner is told that the lead went elsewhere.")
    return RecallNoticeOutput(notice_recalled=True)
