from __future__ import annotations

from tests.unit.runtime.demo.flow.ports import FlowPorts
from workers.runtime.task import Contract, task


class SettleInput(Contract):
    case_id: str


class SettleOutput(Contract):
    settled: list[str]


@task(business_id="case_id", effect="once", after_close=True, closes=True)
async def settle(given: SettleInput, ports: FlowPorts) -> SettleOutput:
    await ports.work.close_case("withdrawn")
    return SettleOutput(settled=await ports.work.undo_leftovers())
