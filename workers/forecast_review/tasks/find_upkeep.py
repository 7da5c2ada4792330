"""Find the organisations whose forecast is looked after."""

from __future__ import annotations

from workers.forecast_review.domain.upkeep import DueUpkeep, upkeep_id
from workers.forecast_review.ports import ForecastReviewPorts
from workers.runtime.task import Contract, task


class FindUpkeepInput(Contract):
    """When, and for whom: one organisation whose sales came, else all."""

    upkeep_id: str
    occurrence: str
    organisation: str | None = None


class FindUpkeepOutput(Contract):
    """Who is looked at."""

    due_upkeep: list[DueUpkeep]


@task(business_id="upkeep_id", effect="once", loop="occurrence")
async def find_upkeep(given: FindUpkeepInput, ports: ForecastReviewPorts) -> FindUpkeepOutput:
    """Those with a published forecast or a schedule; one that is named is looked at in any case."""
    found = await ports.judging.organisations(given.organisation)
    return FindUpkeepOutput(due_upkeep=[DueUpkeep(name, upkeep_id(name)) for name in found])
