"""Open a review of an organisation's forecast: one at a time."""

from __future__ import annotations

from workers.forecast_review.domain.organisation import Reason
from workers.forecast_review.ports import ForecastReviewPorts
from workers.forecast_review.ports.book import ReviewUnderWay
from workers.runtime.task import Contract, task


class OpenReviewInput(Contract):
    """Whose forecast, why, and who asked."""

    forecast_id: str
    organisation: str
    reason: Reason = "by_hand"
    asked_by: str = "a person"
    note: str | None = None
    """Why now, in the words of who asked."""


class OpenReviewOutput(Contract):
    """What the rest of the process needs of the organisation."""

    organisation_name: str
    horizon: int
    """Months ahead."""
    currency: str
    """ISO 4217, or else the unit of the values; may be empty."""


@task(business_id="forecast_id", effect="once", errors=(ReviewUnderWay,))
async def open_review(given: OpenReviewInput, ports: ForecastReviewPorts) -> OpenReviewOutput:
    """Enter the review into the book.

    Raises:
        ReviewUnderWay: another one of this organisation is open; brings ``joined``, its id.
    """
    found = await ports.book.organisation(given.organisation)
    await ports.book.open(given.forecast_id, found.id, given.reason, given.asked_by, ports.clock())
    await ports.work.note(
        "opened",
        f"A review of the forecast of {found.name} was asked for.",
        organisation=found.id,
        reason=given.reason,
        note_given=bool(given.note),
    )
    return OpenReviewOutput(
        organisation_name=found.name,
        horizon=found.horizon,
        currency=found.currency or found.unit,
    )
