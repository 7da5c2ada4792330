from __future__ import annotations

import asyncio
import time

from tests.unit.runtime.demo.flow.ports import FlowPorts
from workers.runtime.task import Contract, task


class LookInput(Contract):
    case_id: str
    write: bool = False
    seconds: float = 0.0
    thread: bool = False


class LookOutput(Contract):
    seen: str


@task(business_id="case_id", effect="none")
async def look(given: LookInput, ports: FlowPorts) -> LookOutput:
    switches = ports.switches
    switches["now"] = switches.get("now", 0) + 1
    switches["most"] = max(switches["now"], switches.get("most", 0))
    try:
        if given.write:
            await ports.work.note("looked")
        await (asyncio.to_thread(time.sleep, given.seconds) if given.thread else asyncio.sleep(given.seconds))
    finally:
        switches["now"] -= 1
    return LookOutput(seen=given.case_id)
