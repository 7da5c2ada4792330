"""Open the reviews again, as the forecast was not released."""

from __future__ import annotations

from workers.forecast_review.domain.needs import ToReview
from workers.forecast_review.domain.run import Run
from workers.forecast_review.ports import ForecastReviewPorts
from workers.runtime.task import Contract, task

AT_LEAST = 5
"""Segments that people look at where nobody had to before."""


class ReopenReviewsInput(Contract):
    """Which release was rejected."""

    forecast_id: str
    release: int
    forecast: Run


class ReopenReviewsOutput(Contract):
    """Who is asked about what, and for which release."""

    reviews: list[ToReview]
    release: int


@task(business_id="forecast_id", effect="once", loop="release")
async def reopen_reviews(given: ReopenReviewsInput, ports: ForecastReviewPorts) -> ReopenReviewsOutput:
    """The segments of before again, or the most important ones if there were none; approved changes stay until then."""
    reviews = list(await ports.reviews.again(given.forecast_id, given.forecast.version, AT_LEAST))
    await ports.work.note(
        "reviews_reopened",
        f"The release was rejected; {len(reviews)} segments are looked at again.",
        release=given.release,
        reviews=[one.segment for one in reviews],
    )
    return ReopenReviewsOutput(reviews=reviews, release=given.release + 1)
