"""Close the reviews whose time is up: what nobody decided stands as it is."""

from __future__ import annotations

from workers.forecast_review.domain.run import Run
from workers.forecast_review.ports import ForecastReviewPorts
from workers.runtime.task import Contract, task


class CloseReviewsInput(Contract):
    """Which reviews."""

    forecast_id: str
    release: int
    forecast: Run


class CloseReviewsOutput(Contract):
    """Segments that nobody said anything of."""

    closed_unseen: list[str]


@task(business_id="forecast_id", effect="once", loop="release")
async def close_reviews(given: CloseReviewsInput, ports: ForecastReviewPorts) -> CloseReviewsOutput:
    """Keep the model's forecast there; changes that still wait for approval are rejected."""
    closed = list(await ports.reviews.close(given.forecast_id, given.forecast.version, given.release, ports.clock()))
    await ports.work.note(
        "reviews_closed", f"Time was up: the forecast of {len(closed)} segments stands unseen.", segments=closed
    )
    return CloseReviewsOutput(closed_unseen=closed)
