"""Jobs that arrive together are counted by one statement."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from tests.unit.runtime.demo.waiting import until
from workers.runtime.database import Pool
from workers.runtime.housekeeping import ended
from workers.runtime.journal import Journal
from workers.runtime.work import JobInfo

JOB = JobInfo("flow.book", "book", "c-1", "", 1, 11, 21, 31)
JOBS = [replace(JOB, business_id=f"c-{key}", key=key) for key in range(1, 7)]


class Statements:
    """How many statements counted deliveries."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent = 0
        plain = AsyncConnection[DictRow].execute

        async def counted(connection: AsyncConnection[DictRow], *given: object, **named: object) -> object:
            self.sent += "INSERT INTO runtime.deliveries" in str(given[0])
            return await plain(connection, *given, **named)  # type: ignore[call-overload]  # passed through as it came

        monkeypatch.setattr(AsyncConnection, "execute", counted)


async def take(journal: Journal, pool: Pool, job: JobInfo, together: asyncio.Barrier | None = None) -> int:
    async with pool.connection() as connection:
        if together is not None:  # on a busy machine one connection may be there long before the next
            await together.wait()
        return await journal.taken(connection, job, 5.0)


async def blocked(pool: Pool, by: int) -> None:
    """Wait until a statement waits for this server process; all jobs of the test are there by then."""

    async def waits() -> bool:
        async with pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", (by,)
            )
            return cursor.rowcount > 0

    await until(waits, "a statement that waits for the table")


async def rows(pool: Pool) -> dict[int, tuple[str, int]]:
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT job_key, business_id, deliveries FROM runtime.deliveries")
        return {row["job_key"]: (row["business_id"], row["deliveries"]) for row in await cursor.fetchall()}


async def test_jobs_that_arrive_together_share_a_statement(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, statements = Journal(pool), Statements(monkeypatch)
    together = asyncio.Barrier(len(JOBS))
    assert await asyncio.gather(*(take(journal, pool, job, together) for job in JOBS)) == [1] * 6
    assert statements.sent < len(JOBS)
    assert await rows(pool) == {job.key: (job.business_id, 1) for job in JOBS}
    journal.confirmed(JOBS[0].key)
    assert await asyncio.gather(*(take(journal, pool, job) for job in JOBS[1:])) == [2] * 5
    assert JOBS[0].key not in await rows(pool)


async def test_the_same_job_twice_at_once_counts_twice(pool: Pool) -> None:
    journal = Journal(pool)
    others = asyncio.gather(*(take(journal, pool, job) for job in JOBS[1:]))
    assert sorted(await asyncio.gather(*(take(journal, pool, JOB) for _ in range(3)))) == [1, 2, 3]
    assert await others == [1] * 5


async def test_whoever_is_to_blame_fails_alone(pool: Pool) -> None:
    journal = Journal(pool)
    bad = replace(JOB, business_id="no\x00text", key=9)  # PostgreSQL takes no such text
    async with pool.connection() as connection:
        await connection.execute("LOCK TABLE runtime.deliveries")
        counting = [asyncio.create_task(take(journal, pool, job)) for job in [*JOBS, bad]]
        await blocked(pool, connection.info.backend_pid)
    found = await asyncio.gather(*counting, return_exceptions=True)
    assert found[:-1] == [1] * 6
    assert isinstance(found[-1], psycopg.DataError)


async def test_a_cancelled_job_is_counted_no_more(pool: Pool) -> None:
    journal = Journal(pool)
    async with pool.connection() as connection:
        await connection.execute("LOCK TABLE runtime.deliveries")
        first, second = (asyncio.create_task(take(journal, pool, job)) for job in JOBS[:2])
        await blocked(pool, connection.info.backend_pid)
        await ended((second,))
    assert await first == 1
    assert await take(journal, pool, JOBS[2]) == 1
    assert (await rows(pool)).keys() == {JOBS[0].key, JOBS[2].key}
