"""Hand the review of a segment over to somebody else."""

from __future__ import annotations

from workers.forecast_review.domain import letters, showing
from workers.forecast_review.domain.needs import ToReview
from workers.forecast_review.ports import ForecastReviewPorts
from workers.office.letters import CHANNEL
from workers.runtime.task import Contract, task


class HandOverReviewInput(Contract):
    """Which review, and who gets it from whom."""

    forecast_id: str
    organisation_name: str
    review_key: str
    review: ToReview
    reviewed_by: str = ""
    hand_over_to: str | None = None
    """A log-in; without one anybody of the group may take it."""
    review_note: str | None = None


class HandOverReviewOutput(Contract):
    """The review as it is now."""

    review: ToReview


@task(business_id="forecast_id", effect="once", loop="review_key")
async def hand_over_review(given: HandOverReviewInput, ports: ForecastReviewPorts) -> HandOverReviewOutput:
    """Note it, and write to the new person."""
    segment, person = given.review.segment, (given.hand_over_to or "").strip() or None
    await ports.reviews.answer(
        given.forecast_id,
        given.review_key,
        segment,
        "hand_over",
        by=given.reviewed_by,
        note=given.review_note or "",
        at=ports.clock(),
    )
    letter = letters.review_handed_over(
        showing.title(segment, given.organisation_name), given.reviewed_by, link=ports.notices.tasks
    )
    await ports.work.send(
        CHANNEL, letter.to(await ports.notices.addresses(given.forecast_id, given.review.group, person))
    )
    await ports.work.note("handed_over", "Somebody else decides.", actor=given.reviewed_by or None, segment=segment)
    return HandOverReviewOutput(review=ToReview(segment, given.review.group, person))
