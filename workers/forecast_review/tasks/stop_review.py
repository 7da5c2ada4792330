"""End a review without a new forecast: a person decided so."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from workers.forecast_review.ports import ForecastReviewPorts
from workers.runtime.task import Contract, task


class StopReviewInput(Contract):
    """Which review, and what became of it."""

    forecast_id: str
    stop_as: Literal["stopped", "failed"]
    """``failed``: a target refused the new version."""
    repair_note: str | None = None
    publication_note: str | None = None


class StopReviewOutput(Contract):
    """When it ended."""

    stopped_at: AwareDatetime


@task(business_id="forecast_id", effect="once")
async def stop_review(given: StopReviewInput, ports: ForecastReviewPorts) -> StopReviewOutput:
    """Close the review in the book, so that the organisation's next one may start."""
    now = ports.clock()
    await ports.book.close(given.forecast_id, given.stop_as, now)
    await ports.work.note(
        "stopped",
        "A person decided to make no new forecast; the one before stays.",
        state=given.stop_as,
        note_given=bool(given.repair_note or given.publication_note),
    )
    return StopReviewOutput(stopped_at=now)
