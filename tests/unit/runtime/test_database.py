from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from tests.unit.runtime.demo.migrating import head, mark_as_newer, migrate_to_the_last_but_one
from workers.runtime import database
from workers.runtime.database import Pool


def test_upgrade_by_four_at_once_ends_at_the_newest_revision(empty_dsn: str) -> None:
    assert database.current(empty_dsn) is None
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(database.upgrade, [empty_dsn] * 4)) == {database.newest()}
    assert database.current(empty_dsn) == database.newest()


def test_newest_is_what_alembic_calls_the_head() -> None:
    assert database.newest() == head()


async def test_schema_is_outdated_until_it_is_ours_or_newer(empty_dsn: str) -> None:
    async def outdated() -> bool:
        async with await AsyncConnection.connect(empty_dsn, row_factory=dict_row) as connection:
            return await database.outdated(connection)

    assert await outdated()
    await asyncio.to_thread(migrate_to_the_last_but_one, empty_dsn)
    assert await outdated()
    await asyncio.to_thread(database.upgrade, empty_dsn)
    assert not await outdated()
    mark_as_newer(empty_dsn)
    assert not await outdated()


async def test_pool_returns_dicts_and_replaces_a_dead_connection(pool: Pool) -> None:
    async with pool.connection() as one, pool.connection() as two:
        await one.execute("SELECT pg_terminate_backend(%s, 10000)", (two.info.backend_pid,))
    for _ in range(3):
        async with pool.connection() as alive:
            assert await (await alive.execute("SELECT 1 AS one")).fetchone() == {"one": 1}
