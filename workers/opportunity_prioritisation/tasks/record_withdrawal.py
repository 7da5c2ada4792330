"""Close the case of a ranking that was withdrawn, so that nothing new happens in it."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.office import withdrawals
from workers.opportunity_prioritisation.ports import PrioritisationPorts
from workers.runtime.task import Contract, task


class RecordWithdrawalInput(Contract):
    """Which ranking, and why, if that was said."""

    prioritisation_id: str
    withdraw_why: str | None = None


class RecordWithdrawalOutput(Contract):
    """When the case was closed."""

    withdrawn_at: AwareDatetime


@task(business_id="prioritisation_id", effect="once", after_close=True, closes=True)
async def record_withdrawal(given: RecordWithdrawalInput, ports: PrioritisationPorts) -> RecordWithdrawalOutput:
    """Fence the case, after waiting for effects under way, and mark the ranking as withdrawn."""
    at = await withdrawals.record(
        ports.work,
        ports.clock,
        lambda now: ports.book.close(given.prioritisation_id, "withdrawn", now),
        given.withdraw_why,
    )
    return RecordWithdrawalOutput(withdrawn_at=at)
