from __future__ import annotations

from tests.unit.runtime.demo.flow.ports import FlowPorts
from workers.runtime.task import Contract, task


class UnbookInput(Contract):
    case_id: str
    turn: int = 0


class UnbookOutput(Contract):
    unbooked: bool


@task(business_id="case_id", effect="once", loop="turn", undoes="book", after_close=True)
async def unbook(given: UnbookInput, ports: FlowPorts) -> UnbookOutput:
    recorded = await ports.work.recorded()
    if recorded is None:
        return UnbookOutput(unbooked=False)
    await ports.book(given.case_id, given.turn, -recorded["amount"])
    await ports.work.note("unbooked")
    return UnbookOutput(unbooked=True)
