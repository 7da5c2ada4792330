"""Undo what the engine could not after a withdrawal."""

from __future__ import annotations

from workers.office import withdrawals
from workers.runtime.task import Contract, task
from workers.territory_alignment.ports import TerritoryAlignmentPorts


class SettleWithdrawalInput(Contract):
    """Which alignment."""

    alignment_id: str


class SettleWithdrawalOutput(Contract):
    """What was undone here: ids of elements whose job was interrupted after its effect was committed."""

    leftovers_undone: list[str]


@task(business_id="alignment_id", effect="once", after_close=True)
async def settle_withdrawal(given: SettleWithdrawalInput, ports: TerritoryAlignmentPorts) -> SettleWithdrawalOutput:
    """Run the compensation handlers of effects whose jobs were interrupted under way."""
    return SettleWithdrawalOutput(leftovers_undone=await withdrawals.settle(ports.work))
