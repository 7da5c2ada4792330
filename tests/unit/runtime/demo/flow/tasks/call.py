from __future__ import annotations

import asyncio

from pydantic import AwareDatetime

from tests.unit.runtime.demo.flow.ports import FlowPorts
from workers.runtime.task import Contract, task


class CallInput(Contract):
    case_id: str
    seconds: float = 0.0
    due_at: AwareDatetime | None = None


class CallOutput(Contract):
    called: str


@task(business_id="case_id", effect="none", timeout_seconds=60, due=lambda given: given.due_at)
async def call(given: CallInput, ports: FlowPorts) -> CallOutput:
    ports.switches.setdefault("order", []).append(given.case_id)
    if "gate" in ports.switches:
        await ports.switches["gate"].wait()
    await asyncio.sleep(given.seconds)
    return CallOutput(called=given.case_id)
