"""End a review without new quotas."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class AdjustmentRule(Contract):
    """What the table says of an adjustment."""

    allowed: bool
    why: str


class StopQuotasInput(Contract):
    """Which review, and what became of it."""

    quota_id: str
    stop_as: Literal["stopped", "failed"]
    """``failed``: a target refused the new version."""
    stop_why: str
    """In the diagram's words."""
    adjustment_rule: AdjustmentRule | None = None


class StopQuotasOutput(Contract):
    """When it ended."""

    stopped_at: AwareDatetime


@task(business_id="quota_id", effect="once")
async def stop_quotas(given: StopQuotasInput, ports: QuotaApprovalPorts) -> StopQuotasOutput:
    """Close the review in the book, so that the organisation's next one may start."""
    now, rule = ports.clock(), given.adjustment_rule
    why = given.stop_why if rule is None or rule.allowed else f"{given.stop_why} {rule.why}"
    await ports.book.close(given.quota_id, given.stop_as, now)
    await ports.cases.sign(given.quota_id, None, given.stop_as, "the process", now, {"why": why})
    await ports.work.note("stopped", f"{why} The quotas before stay.", state=given.stop_as)
    return StopQuotasOutput(stopped_at=now)
