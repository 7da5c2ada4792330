from __future__ import annotations

import asyncio
import os
import signal
from typing import ClassVar

from tests.unit.runtime.demo.flow.ports import FlowPorts
from workers.runtime.errors import BusinessError, DependencyDown, PermanentError, RateLimited, TransientError
from workers.runtime.task import Contract, Retry, task


class BookInput(Contract):
    case_id: str
    turn: int = 0
    mode: str = "ok"
    amount: int = 1


class BookOutput(Contract):
    booked: int


class NoRoom(BusinessError):
    """There is no room."""

    code: ClassVar[str] = "no_room"


class Surprise(BusinessError):
    """A business error that the task forgot to declare."""

    code: ClassVar[str] = "surprise"


@task(
    business_id="case_id",
    effect="once",
    loop="turn",
    errors=(NoRoom,),
    timeout_seconds=5,
    retry=Retry(tries=3, first_seconds=0.05, cap_seconds=0.2),
)
async def book(given: BookInput, ports: FlowPorts) -> BookOutput:
    ports.switches["runs"] = ports.switches.get("runs", 0) + 1
    await ports.book(given.case_id, given.turn, given.amount)
    await ports.work.send("test", {"amount": given.amount})
    await ports.work.note("booked", "because it was asked for", amount=given.amount)
    ports.work.record(amount=given.amount)
    if "gate" in ports.switches:
        await ports.switches["gate"].wait()
    modes = ports.switches.get("modes")
    match modes.pop(0) if modes else given.mode:
        case "no_room":
            raise NoRoom("It is full.", variables={"why": "full"})
        case "surprise":
            raise Surprise
        case "transient":
            raise TransientError("The other side did not answer.")
        case "limited":
            raise RateLimited("Too many.", retry_after=0.3)
        case "down":
            raise DependencyDown("The other side is left alone.", retry_after=0.1)
        case "permanent":
            raise PermanentError("The account is closed. Open it, then retry.")
        case "defect":
            raise KeyError("ana@example.com")
        case "slow":
            await asyncio.sleep(60)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
    return BookOutput(booked=given.amount)
