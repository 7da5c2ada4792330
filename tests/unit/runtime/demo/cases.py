"""Runs tasks of the test context `flow` as if a job had come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workers.runtime import discovery
from workers.runtime.resources import Resources
from workers.runtime.unit import Done, execute, identify, validated
from workers.runtime.work import JobInfo

ROOT = "tests.unit.runtime.demo"


@dataclass
class Cases:
    """Runs tasks of `flow` as if a job had come, and looks at what they left in the database."""

    resources: Resources
    keys: int = 100

    async def run(self, name: str, case_id: str = "c1", *, key: int | None = None, **variables: Any) -> Done:
        spec = discovery.find(f"flow.{name}", ROOT)
        given = validated(spec, {"case_id": case_id, **variables})
        self.keys += 1
        business_id, loop = identify(spec, given)
        number = key or self.keys
        job = JobInfo(spec.job_type, name, business_id, loop, number, 1, number, 7)
        return await execute(spec, given, job, self.resources, ROOT)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        async with self.resources.pool.connection() as connection:
            cursor = await connection.execute(sql.encode())
            return [tuple(row.values()) for row in await cursor.fetchall()]

    async def run_sql(self, sql: str) -> None:
        async with self.resources.pool.connection() as connection:
            await connection.execute(sql.encode())

    async def booked(self, case_id: str = "c1") -> int:
        rows = await self.rows(
            f"SELECT coalesce(sum(change), 0)::int AS booked FROM public.bookings WHERE business_id = '{case_id}'"
        )
        return int(rows[0][0])
