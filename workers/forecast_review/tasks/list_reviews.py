"""List the segments that people look at."""

from __future__ import annotations

from workers.forecast_review.domain.needs import ToReview
from workers.forecast_review.domain.run import Run
from workers.forecast_review.ports import ForecastReviewPorts
from workers.runtime.task import Contract, task


class ListReviewsInput(Contract):
    """Which version, and how much people can look at."""

    forecast_id: str
    collection: int
    forecast: Run
    review_share: float
    """Of all segments, 0 to 1."""


class ListReviewsOutput(Contract):
    """Who is asked about what."""

    reviews: list[ToReview]
    auto_approved: int
    """Segments that nobody is asked about."""


@task(business_id="forecast_id", effect="once", loop="collection", timeout_seconds=300)
async def list_reviews(given: ListReviewsInput, ports: ForecastReviewPorts) -> ListReviewsOutput:
    """Those that the decision table wants reviewed, by priority, within the share; pictures of them are drawn."""
    version = given.forecast.version
    reviews, rest = await ports.needs.to_review(given.forecast_id, version, given.review_share)
    await ports.pictures.store(version, await ports.forecaster.draw(version, [one.segment for one in reviews]))
    await ports.work.note(
        "reviews_listed",
        f"People are asked about {len(reviews)} segments; {rest} are approved as they are.",
        reviews=[one.segment for one in reviews],
        auto_approved=rest,
    )
    return ListReviewsOutput(reviews=reviews, auto_approved=rest)
