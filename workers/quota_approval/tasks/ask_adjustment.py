"""Ask for an adjustment of quotas within their period."""

from __future__ import annotations

from workers.office.published import Source
from workers.quota_approval.domain.upkeep import DueAdjustment
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class AskAdjustmentInput(Contract):
    """Whose quotas, and why."""

    upkeep_id: str
    occurrence: str
    source: Source
    due: DueAdjustment


class AskAdjustmentOutput(Contract):
    """The review that was asked for; the table `quota_adjustment` bounds how often it goes on."""

    asked_quota_id: str


@task(business_id="upkeep_id", effect="once", loop="occurrence")
async def ask_adjustment(given: AskAdjustmentInput, ports: QuotaApprovalPorts) -> AskAdjustmentOutput:
    """Start `quota_approval` by message, for those concerned only."""
    due = given.due
    asked = await ports.upkeep.ask(due, ports.clock())
    await ports.work.note(
        "adjustment_asked",
        f"{given.source} {given.occurrence} moved the expectation of {len(due.concerned)} reps in {due.period}.",
        quota_id=asked,
        change_percent=due.change_percent,
    )
    return AskAdjustmentOutput(asked_quota_id=asked)
