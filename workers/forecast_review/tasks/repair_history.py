"""Record the repairs of collected sales, and who decided them."""

from __future__ import annotations

from workers.forecast_review.domain.history import History
from workers.forecast_review.ports import ForecastReviewPorts
from workers.runtime.task import Contract, task


class RepairHistoryInput(Contract):
    """Which collection, and who decided."""

    forecast_id: str
    collection: int
    history: History
    decided_by: str
    """The decision table, or a group of people."""
    repair: bool = True
    """False: people decided to use the sales as they were delivered."""


class Repairs(Contract):
    """What was done."""

    count: int


class RepairHistoryOutput(Contract):
    """What was done."""

    repairs: Repairs


@task(business_id="forecast_id", effect="once", loop="collection", timeout_seconds=600)
async def repair_history(given: RepairHistoryInput, ports: ForecastReviewPorts) -> RepairHistoryOutput:
    """Put down each value that a repair by rule changes; what was collected stays as it came."""
    count = await ports.history.repair(given.history.history_id, given.decided_by) if given.repair else 0
    await ports.work.note(
        "repaired",
        f"{count} values were repaired by rule." if given.repair else "The sales are used as they were delivered.",
        history_id=given.history.history_id,
        repairs=count,
        decided_by=given.decided_by,
    )
    return RepairHistoryOutput(repairs=Repairs(count=count))
