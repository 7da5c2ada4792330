"""Undo what the engine could not after a withdrawal."""

from __future__ import annotations

from workers.office import withdrawals
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class SettleWithdrawalInput(Contract):
    """Which review."""

    quota_id: str


class SettleWithdrawalOutput(Contract):
    """What was undone here: ids of elements whose job was interrupted after its effect was committed."""

    leftovers_undone: list[str]


@task(business_id="quota_id", effect="once", after_close=True)
async def settle_withdrawal(given: SettleWithdrawalInput, ports: QuotaApprovalPorts) -> SettleWithdrawalOutput:
    """Run the compensation handlers of effects whose jobs were interrupted under way."""
    return SettleWithdrawalOutput(leftovers_undone=await withdrawals.settle(ports.work))
