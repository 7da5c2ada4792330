"""Ask for a review of an organisation's forecast."""

from __future__ import annotations

from workers.forecast_review.domain.upkeep import NextStep
from workers.forecast_review.ports import ForecastReviewPorts
from workers.runtime.task import Contract, task


class AskForecastInput(Contract):
    """Whose forecast, and why."""

    upkeep_id: str
    organisation: str
    occurrence: str
    next_step: NextStep


class AskForecastOutput(Contract):
    """The review that was asked for."""

    asked_forecast_id: str


@task(business_id="upkeep_id", effect="once", loop="occurrence")
async def ask_forecast(given: AskForecastInput, ports: ForecastReviewPorts) -> AskForecastOutput:
    """Start the review by message."""
    asked = await ports.judging.ask(given.organisation, given.next_step.reason, "upkeep", ports.clock())
    await ports.work.note("review_asked", given.next_step.why, forecast_id=asked, reason=given.next_step.reason)
    return AskForecastOutput(asked_forecast_id=asked)
