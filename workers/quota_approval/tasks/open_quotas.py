"""Open a review of an organisation's quotas: one at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from workers.quota_approval.domain.reviews import AdjustmentFacts, Reason
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.quota_approval.ports.book import QuotasUnderWay
from workers.runtime.task import Contract, task


class OpenQuotasInput(Contract):
    """Whose quotas, for when, why, and who asked."""

    quota_id: str
    organisation: str
    period: str
    reason: Reason
    asked_by: str
    concerned: list[str] | None = None
    """Reps and units whose quotas may move; empty: all."""
    change_percent: float | None = None
    """For an adjustment: by how much the forecast or territory moved."""


class OpenQuotasOutput(Contract):
    """What the rest of the process needs of the organisation."""

    organisation_name: str
    currency: str
    adjustment: AdjustmentFacts


@task(business_id="quota_id", effect="once", errors=(QuotasUnderWay,))
async def open_quotas(given: OpenQuotasInput, ports: QuotaApprovalPorts) -> OpenQuotasOutput:
    """Enter the review into the book.

    Raises:
        QuotasUnderWay: another one of this organisation is open; brings ``joined``, its id.
    """
    found, now = await ports.book.organisation(given.organisation), ports.clock()
    facts = await ports.book.adjustments(found.id, given.period, now)
    concerned = given.concerned or []
    await ports.book.open(given.quota_id, found.id, given.period, given.reason, given.asked_by, concerned, now)
    seen: dict[str, Any] = {"period": given.period, "reason": given.reason, "concerned": len(concerned)}  # Any: JSON
    await ports.cases.sign(given.quota_id, None, "opened", given.asked_by, now, seen)
    await ports.work.note("opened", f"Quotas of {found.name} for {given.period} were asked for.", **seen)
    return OpenQuotasOutput(
        organisation_name=found.name,
        currency=found.currency,
        adjustment=replace(facts, change_percent=abs(given.change_percent or 0.0), concerned=len(concerned)),
    )
