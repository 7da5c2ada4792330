"""Close the case of an alignment that was withdrawn, so that nothing new happens in it."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.office import withdrawals
from workers.runtime.task import Contract, task
from workers.territory_alignment.ports import TerritoryAlignmentPorts


class RecordWithdrawalInput(Contract):
    """Which alignment, and why, if that was said."""

    alignment_id: str
    withdraw_why: str | None = None


class RecordWithdrawalOutput(Contract):
    """When the case was closed."""

    withdrawn_at: AwareDatetime


@task(business_id="alignment_id", effect="once", after_close=True, closes=True)
async def record_withdrawal(given: RecordWithdrawalInput, ports: TerritoryAlignmentPorts) -> RecordWithdrawalOutput:
    """Fence the case, after waiting for effects under way, and mark the alignment as withdrawn."""
    at = await withdrawals.record(
        ports.work, ports.clock, lambda now: ports.book.close(given.alignment_id, "withdrawn", now), given.withdraw_why
    )
    return RecordWithdrawalOutput(withdrawn_at=at)
