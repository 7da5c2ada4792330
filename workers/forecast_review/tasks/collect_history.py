"""Collect the sales that are to be forecast."""

from __future__ import annotations

from workers.forecast_review.domain.history import History
from workers.forecast_review.ports import ForecastReviewPorts
from workers.forecast_review.ports.history import HistoryUnavailable, NoUsableHistory
from workers.runtime.task import Contract, task


class CollectHistoryInput(Contract):
    """Whose sales, and how often they were collected before in this review, plus one."""

    forecast_id: str
    organisation: str
    collection: int


class CollectHistoryOutput(Contract):
    """What there is; the values stay in the database."""

    history: History


@task(
    business_id="forecast_id",
    effect="once",
    loop="collection",
    errors=(HistoryUnavailable, NoUsableHistory),
    timeout_seconds=300,
)
async def collect_history(given: CollectHistoryInput, ports: ForecastReviewPorts) -> CollectHistoryOutput:
    """Read the sales from the store or the ERP, and keep them as they came.

    Raises:
        HistoryUnavailable: the source does not answer; brings ``history_why``.
        NoUsableHistory: there is nothing that can be forecast; brings ``history_why``.
    """
    organisation = await ports.book.organisation(given.organisation)
    history = await ports.history.collect(given.forecast_id, given.collection, organisation, today=ports.clock().date())
    await ports.work.note(
        "collected",
        f"{history.series} series from {history.first} to {history.last}.",
        history_id=history.history_id,
        series=history.series,
        last=history.last,
        unusable_rows=history.unusable_rows,
        raw_digest=history.raw_digest,
    )
    return CollectHistoryOutput(history=history)
