"""Incidents of a real engine in memory, and rows of a real outbox."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from typing import Any

import pytest

from tests.embedded_board import EmbeddedBoard
from workers.engine.embedded import EmbeddedEngine
from workers.operations.model import Incident
from workers.runtime.database import Pool
from workers.runtime.outbox import put
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import Job
from workers.settings import Settings, Zeebe

_numbers = count(1)

DIAGRAM = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
    xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" targetNamespace="fairlead">
<bpmn:process id="{process}" isExecutable="true">
<bpmn:startEvent id="start"><bpmn:outgoing>f1</bpmn:outgoing></bpmn:startEvent>
<bpmn:sequenceFlow id="f1" sourceRef="start" targetRef="call"/>
<bpmn:serviceTask id="call"><bpmn:extensionElements><zeebe:taskDefinition type="{process}.call"/>
</bpmn:extensionElements><bpmn:incoming>f1</bpmn:incoming></bpmn:serviceTask>
</bpmn:process></bpmn:definitions>"""


class Trouble:
    """Makes incidents in a process of its own, and works on its jobs."""

    def __init__(self, engine: EmbeddedEngine, client: ZeebeClient, process: str) -> None:
        self.engine = engine
        self.client = client
        self.process = process
        self.board = EmbeddedBoard(engine, process)

    async def jobs(self, number: int) -> list[Job]:
        """Take so many jobs, once they are there."""
        jobs: list[Job] = []

        async def there() -> bool:
            jobs.extend(
                await self.client.activate(
                    f"{self.process}.call", worker="test", timeout_seconds=60, variables=["case"], at_most=100
                )
            )
            return len(jobs) >= number

        await eventually(there, f"{number} jobs")
        return jobs

    async def make(self, *messages: str) -> list[Incident]:
        """One instance with an incident for each message, in cases c0, c1, …"""
        for number in range(len(messages)):
            await self.client.start(self.process, {"case": f"c{number}"})
        jobs = await self.jobs(len(messages))
        for job in jobs:
            await self.fail(job, messages[int(job.variables["case"][1:])])
        return await self.incidents(len(messages))

    async def fail(self, job: Job, message: str) -> None:
        """Give a job up, as the worker does."""
        await self.client.fail(job.key, retries=0, message=message)

    async def incidents(self, number: int) -> list[Incident]:
        """The open incidents, once there are so many."""

        async def there() -> bool:
            return len(await self.board.open_incidents(100)) == number

        await eventually(there, f"{number} incidents")
        return await self.board.with_business_ids(await self.board.open_incidents(100))


async def eventually(condition: Callable[[], Awaitable[bool]], what: str, within: float = 240.0) -> None:
    deadline = time.monotonic() + within
    while not await condition():
        assert time.monotonic() < deadline, f"waited {within} s for {what}"
        await asyncio.sleep(0.02)


async def bury(pool: Pool, business_id: str, number: int, reason: str, channel: str = "crm.lead") -> int:
    """Put a row into the outbox and from there among the dead letters, as the dispatcher does; its id."""
    async with pool.connection() as connection:
        await put(connection, channel, business_id, f"{business_id}/{number}", {"number": number})
        cursor = await connection.execute(
            """
            WITH gone AS (DELETE FROM runtime.outbox WHERE external_id = %s RETURNING *)
            INSERT INTO runtime.dead_letters (id, channel, business_id, external_id, payload, created_at, tries, reason)
            SELECT id, channel, business_id, external_id, payload, created_at, tries + 1, %s FROM gone RETURNING id
            """,
            (f"{business_id}/{number}", reason),
        )
        row = await cursor.fetchone()
    assert row is not None
    return int(row["id"])


async def rows(pool: Pool, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    async with pool.connection() as connection:
        return [tuple(row.values()) for row in await (await connection.execute(query.encode(), parameters)).fetchall()]


@pytest.fixture(scope="session")
def engine() -> Iterator[EmbeddedEngine]:
    with EmbeddedEngine() as started:
        yield started


@pytest.fixture
async def trouble(engine: EmbeddedEngine) -> AsyncIterator[Trouble]:
    process = f"trouble_{next(_numbers)}"
    async with ZeebeClient(Settings(zeebe=Zeebe(address=engine.address))) as client:
        await client.deploy({f"{process}.bpmn": DIAGRAM.format(process=process).encode()})
        yield Trouble(engine, client, process)
