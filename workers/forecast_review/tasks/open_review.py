"""Open a review of an organisation's forecast: one at a time."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.forecast_review.domain.organisation import Reason
from workers.forecast_review.ports import ForecastReviewPorts
from workers.forecast_review.ports.book import ReviewUnderWay
from workers.runtime.task import Contract, task


class ReviewSla(Contract):
    """Working minutes until somebody is reminded, tasks are due, and are escalated; and until reviews are closed."""

    remind: float
    due: float
    escalate: float
    close: float


class ReviewDeadlines(Contract):
    """Moments in the working time of the organisation."""

    remind_at: AwareDatetime
    due_at: AwareDatetime
    escalate_at: AwareDatetime
    close_at: AwareDatetime
    """From then on what nobody looked at stands as it is."""


class OpenReviewInput(Contract):
    """Whose forecast, why, and who asked."""

    forecast_id: str
    organisation: str
    reason: Reason = "by_hand"
    asked_by: str = "a person"
    review_sla: ReviewSla


class OpenReviewOutput(Contract):
    """What the rest of the process needs of the organisation."""

    organisation_name: str
    horizon: int
    """Months ahead."""
    currency: str
    """ISO 4217, or else the unit of the values; may be empty."""
    review_deadlines: ReviewDeadlines


@task(business_id="forecast_id", effect="once", errors=(ReviewUnderWay,))
async def open_review(given: OpenReviewInput, ports: ForecastReviewPorts) -> OpenReviewOutput:
    """Enter the review into the book; deadlines count from now.

    Raises:
        ReviewUnderWay: another one of this organisation is open; brings ``joined``, its id.
    """
    now, sla = ports.clock(), given.review_sla
    found = await ports.book.organisation(given.organisation)
    await ports.book.open(given.forecast_id, found.id, given.reason, given.asked_by, now)
    due = await ports.book.deadlines(
        found.id, {"remind_at": sla.remind, "due_at": sla.due, "escalate_at": sla.escalate, "close_at": sla.close}, now
    )
    await ports.work.note(
        "opened",
        f"A review of the forecast of {found.name} was asked for.",
        organisation=found.id,
        reason=given.reason,
        close_at=due["close_at"].isoformat(),
    )
    return OpenReviewOutput(
        organisation_name=found.name,
        horizon=found.horizon,
        currency=found.currency or found.unit,
        review_deadlines=ReviewDeadlines(**due),
    )
