"""Say what changed since the forecast published before, and why."""

from __future__ import annotations

from workers.forecast_review.domain.needs import Segments
from workers.forecast_review.domain.run import Run
from workers.forecast_review.ports import ForecastReviewPorts
from workers.runtime.task import Contract, task


class ExplainForecastInput(Contract):
    """Which version."""

    forecast_id: str
    collection: int
    forecast: Run


class ExplainForecastOutput(Contract):
    """How many segments there are facts of, and in which pages; the facts stay in the database."""

    segments: Segments


@task(business_id="forecast_id", effect="once", loop="collection", timeout_seconds=600)
async def explain_forecast(given: ExplainForecastInput, ports: ForecastReviewPorts) -> ExplainForecastOutput:
    """Work out each segment's facts: share, uncertainty, change in parts, surprise, record."""
    segments = await ports.needs.explain(given.forecast_id, given.forecast.version)
    await ports.work.note(
        "explained",
        "\n".join(f"- {line}" for line in segments.changed) or "There is no forecast before to compare with.",
        version=given.forecast.version,
        segments=segments.count,
    )
    return ExplainForecastOutput(segments=segments)
