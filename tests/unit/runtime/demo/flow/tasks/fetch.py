from __future__ import annotations

import asyncio

from tests.unit.runtime.demo.flow.ports import FlowPorts
from workers.runtime.errors import TransientError
from workers.runtime.task import Contract, Retry, task


class FetchInput(Contract):
    case_id: str


class FetchOutput(Contract):
    fetched: str


@task(business_id="case_id", effect="once", retry=Retry(tries=3, first_seconds=0.05, cap_seconds=0.2))
async def fetch(given: FetchInput, ports: FlowPorts) -> FetchOutput:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", ports.switches["port"])
        async with asyncio.timeout(5):
            answer = await reader.readline()
        writer.close()
    except OSError as error:
        raise TransientError(f"The CRM did not answer ({type(error).__name__}).") from error
    await ports.work.note("fetched")
    return FetchOutput(fetched=answer.decode())
