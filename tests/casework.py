"""A case of a context played on a real database: tasks run by the runtime, outbox rows sent by its dispatcher."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar

from psycopg.rows import DictRow

from workers.runtime import discovery, unit
from workers.runtime.dispatcher import Dispatcher
from workers.runtime.resources import Resources
from workers.runtime.work import JobInfo

_keys = count(1)


@dataclass(frozen=True)
class Case:
    resources: Resources
    context: ClassVar[str]

    async def run(self, name: str, *, element_id: str | None = None, **variables: Any) -> dict[str, Any]:
        spec = discovery.find(f"{self.context}.{name}")
        given = unit.validated(spec, variables)
        business_id, loop = unit.identify(spec, given)
        key = next(_keys)
        job = JobInfo(spec.job_type, element_id or name, business_id, loop, key, 1, key, 1)
        return (await unit.execute(spec, given, job, self.resources, discovery.ROOT)).result

    async def sql(self, query: str, *values: Any) -> list[DictRow]:
        async with self.resources.pool.connection() as connection:
            cursor = await connection.execute(query.encode(), values)
            return await cursor.fetchall() if cursor.description is not None else []

    async def one(self, query: str, *values: Any) -> DictRow:
        (row,) = await self.sql(query, *values)
        return row

    async def actions(self, business_id: str) -> list[str]:
        rows = await self.sql("SELECT action FROM runtime.timeline WHERE business_id = %s ORDER BY id", business_id)
        return [row["action"] for row in rows]

    async def deliver(self) -> None:
        """Run a real dispatcher until the outbox is empty."""
        dispatcher = Dispatcher(
            str(self.resources.pool.conninfo),
            self.resources.pool,
            discovery.wiring(self.context).deliveries(self.resources),
        )
        running = asyncio.create_task(dispatcher.run())
        try:
            async with asyncio.timeout(30):
                while (await self.one("SELECT count(*) AS waiting FROM runtime.outbox"))["waiting"]:  # noqa: ASYNC110 - the condition lies in the database
                    await asyncio.sleep(0.02)
        finally:
            dispatcher.stop()
            await running
        assert await self.sql("SELECT reason FROM runtime.dead_letters") == []
