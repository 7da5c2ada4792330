"""A real engine in memory with the process `moving`, and a read model that is told what the engine wrote."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from itertools import count

import pytest

from tests.unit.runtime.demo.diagram import deploy
from tests.unit.runtime.demo.waiting import until
from tests.unit.versions.diagrams import moving
from workers.control_room.projection import KINDS, rows_of, write
from workers.engine.embedded import EmbeddedEngine
from workers.operations.audit import Actor
from workers.runtime.database import Pool
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import Job
from workers.settings import Settings, Zeebe
from workers.versions.plan import Plan
from workers.versions.planning import make_plan

ANA = Actor("ana", "the new version asks twice")
ENGINE = "8.8.21"


class Town:
    """Cases of `moving` on an engine of their own."""

    def __init__(self, engine: EmbeddedEngine, client: ZeebeClient, pool: Pool) -> None:
        self.engine, self.client, self.pool = engine, client, pool
        self._cases = count(1)

    async def deploy(self, diagram: bytes) -> None:
        """The next version of the process."""
        await deploy(self.client, {"moving.bpmn": diagram})

    async def tell(self) -> None:
        """Let the read model know all that the engine has written."""
        await asyncio.to_thread(self.engine.wait_for_idle)
        events = [one for one in self.engine.records() if one["recordType"] == "EVENT"]
        async with self.pool.connection() as connection:
            for kind in KINDS:
                wanted = [r for r in events if r["valueType"] == kind.value_type and r["intent"] in kind.intents]
                await write(connection, rows_of(kind, wanted))

    async def case(self, *done: str) -> int:
        """A case that has done its job and then the tasks of people named; the key of its instance."""
        name = f"case-{next(self._cases)}"
        there = {one.key for one in self.engine.process_instances("moving")}
        await self.client.publish("begun", name, {"case_id": name, "things": ["a", "b"]}, name)
        await until(lambda: len(self.engine.process_instances("moving")) > len(there), "the case to begin")
        (key,) = {one.key for one in self.engine.process_instances("moving")} - there
        for step in done:
            await self.work(step) if step == "prepare" else await self.complete(key, step)
        return key

    async def work(self, name: str) -> None:
        """Whoever does the jobs of a task completes those that wait."""
        jobs: list[Job] = []
        async with asyncio.timeout(240):
            while not jobs:
                jobs = await self.client.activate(
                    f"moving.{name}", worker="test", timeout_seconds=60, variables=[], at_most=9
                )
        for job in jobs:
            await self.client.complete(job.key, "{}")

    async def complete(self, key: int, element: str) -> None:
        """A person completes the first open task of that element."""
        await until(lambda: self.engine.open_user_tasks(key, element), f"the task {element}")
        task = self.engine.open_user_tasks(key, element)[0]
        await asyncio.to_thread(self.engine.complete_user_task, task.key)
        await until(lambda: task.key not in {one.key for one in self.engine.open_user_tasks()}, "the task to be done")

    async def ended(self, key: int, state: str = "ELEMENT_COMPLETED") -> None:
        """Wait until the instance is over."""
        await until(lambda: self.state(key) == state, f"the instance to be {state}")

    def state(self, key: int) -> str:
        return next(one.state for one in self.engine.elements(key) if one.key == key)

    def passed(self, key: int) -> list[str]:
        """Elements that the instance has completed."""
        return [one.element_id for one in self.engine.elements(key) if one.state == "ELEMENT_COMPLETED"]

    async def later(self, **time: float) -> None:
        """Time passes."""
        await asyncio.to_thread(self.engine.wait_for_idle)
        await asyncio.to_thread(self.engine.increase_time, timedelta(**time))
        await asyncio.to_thread(self.engine.wait_for_idle)

    async def plan(self, source: int = 1, target: int = 2, **renamed: str) -> Plan:
        """A migration plan, by what the engine has written until now."""
        await self.tell()
        async with self.pool.connection() as connection:
            return await make_plan(
                connection, "moving", source, target, engine_version=ENGINE, made_by="ana", renamed=renamed
            )

    async def versions(self) -> dict[int, int]:
        """Which version each instance has."""
        await self.tell()
        async with self.pool.connection() as connection:
            rows = await (await connection.execute("SELECT key, version FROM control.instances")).fetchall()
        return {row["key"]: row["version"] for row in rows}

    async def audited(self) -> list[str | None]:
        """Outcomes of what the audit trail holds, the oldest first."""
        async with self.pool.connection() as connection:
            rows = await (await connection.execute("SELECT outcome FROM runtime.audit ORDER BY id")).fetchall()
        return [row["outcome"] for row in rows]


@pytest.fixture
def engine() -> Iterator[EmbeddedEngine]:
    with EmbeddedEngine() as started:
        yield started


@pytest.fixture
async def town(engine: EmbeddedEngine, pool: Pool) -> AsyncIterator[Town]:
    """A town with version 1 of the process."""
    async with ZeebeClient(Settings(zeebe=Zeebe(address=engine.address))) as client:
        opened = Town(engine, client, pool)
        await opened.deploy(moving(1))
        yield opened
