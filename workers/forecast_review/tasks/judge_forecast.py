"""Hold what was published against what came."""

from __future__ import annotations

from workers.forecast_review.domain.upkeep import Health
from workers.forecast_review.ports import ForecastReviewPorts
from workers.runtime.task import Contract, task


class JudgeForecastInput(Contract):
    """Whose forecast, and at which occasion."""

    upkeep_id: str
    organisation: str
    occurrence: str


class JudgeForecastOutput(Contract):
    """What decides whether a review is due."""

    health: Health


@task(business_id="upkeep_id", effect="once", loop="occurrence", timeout_seconds=600)
async def judge_forecast(given: JudgeForecastInput, ports: ForecastReviewPorts) -> JudgeForecastOutput:
    """Measure WAPE, MASE, bias, coverage and forecast value added of each segment and step, and keep them.

    Raises:
        ErpDown: sales come from the ERP, and it did not answer; tried again.
    """
    organisation = await ports.book.organisation(given.organisation)
    health = await ports.judging.judge(organisation, ports.clock())
    await ports.work.note(
        "judged",
        health.words,
        version=health.version,
        months=health.months,
        wape=health.wape,
        people_added=health.people_added,
        error_ratio=health.error_ratio,
        change_percent=health.change_percent,
    )
    return JudgeForecastOutput(health=health)
