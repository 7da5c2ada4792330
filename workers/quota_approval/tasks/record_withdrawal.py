"""Close the case of a review that was withdrawn, so that nothing new happens in it."""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime

from workers.office import withdrawals
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class RecordWithdrawalInput(Contract):
    """Which review, and why, if that was said."""

    quota_id: str
    withdraw_why: str | None = None


class RecordWithdrawalOutput(Contract):
    """When the case was closed."""

    withdrawn_at: AwareDatetime


@task(business_id="quota_id", effect="once", after_close=True, closes=True)
async def record_withdrawal(given: RecordWithdrawalInput, ports: QuotaApprovalPorts) -> RecordWithdrawalOutput:
    """Fence the case, after waiting for effects under way, and mark the review as withdrawn."""

    async def mark(now: datetime) -> None:
        await ports.book.close(given.quota_id, "withdrawn", now)
        await ports.cases.sign(given.quota_id, None, "withdrawn", "the process", now, {})

    at = await withdrawals.record(ports.work, ports.clock, mark, given.withdraw_why)
    return RecordWithdrawalOutput(withdrawn_at=at)
