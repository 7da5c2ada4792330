"""Read a page of facts for the decision table."""

from __future__ import annotations

from workers.forecast_review.domain.needs import Fact
from workers.forecast_review.domain.run import Run
from workers.forecast_review.ports import ForecastReviewPorts
from workers.runtime.task import Contract, task


class ReadSegmentsInput(Contract):
    """Which page of which version."""

    forecast_id: str
    forecast: Run
    page: int
    """From 1."""


class ReadSegmentsOutput(Contract):
    """What the decision table reads, a segment each."""

    page_segments: list[Fact]


@task(business_id="forecast_id", effect="none")
async def read_segments(given: ReadSegmentsInput, ports: ForecastReviewPorts) -> ReadSegmentsOutput:
    """At most `domain.needs.PAGE` segments: the variable must stay small."""
    facts = await ports.needs.page(given.forecast_id, given.forecast.version, given.page)
    return ReadSegmentsOutput(page_segments=list(facts))
