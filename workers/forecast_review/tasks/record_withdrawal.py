"""Close the case of a review that was withdrawn, so that nothing new happens in it."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.forecast_review.ports import ForecastReviewPorts
from workers.office import withdrawals
from workers.runtime.task import Contract, task


class RecordWithdrawalInput(Contract):
    """Which review, and why, if that was said."""

    forecast_id: str
    withdraw_why: str | None = None


class RecordWithdrawalOutput(Contract):
    """When the case was closed."""

    withdrawn_at: AwareDatetime


@task(business_id="forecast_id", effect="once", after_close=True, closes=True)
async def record_withdrawal(given: RecordWithdrawalInput, ports: ForecastReviewPorts) -> RecordWithdrawalOutput:
    """Fence the case, after waiting for effects under way, and mark the review as withdrawn."""
    at = await withdrawals.record(
        ports.work, ports.clock, lambda now: ports.book.close(given.forecast_id, "withdrawn", now), given.withdraw_why
    )
    return RecordWithdrawalOutput(withdrawn_at=at)
