from __future__ import annotations

from tests.unit.runtime.demo.flow.ports import FlowPorts
from workers.runtime.task import Contract, task


class TouchInput(Contract):
    case_id: str


class TouchOutput(Contract):
    touched: int


@task(business_id="case_id", effect="idempotent")
async def touch(given: TouchInput, ports: FlowPorts) -> TouchOutput:
    ports.switches["runs"] = ports.switches.get("runs", 0) + 1
    await ports.work.note("touched")
    return TouchOutput(touched=ports.switches["runs"])
