from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from workers.runtime import database
from workers.runtime.database import Pool


def test_upgrade_by_four_at_once_ends_at_the_newest_revision(empty_dsn: str) -> None:
    assert database.current(empty_dsn) is None
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(database.upgrade, [empty_dsn] * 4)) == {database.newest()}
    assert database.current(empty_dsn) == database.newest()


async def test_pool_returns_dicts_and_replaces_a_dead_connection(pool: Pool) -> None:
    async with pool.connection() as one, pool.connection() as two:
        await one.execute("SELECT pg_terminate_backend(%s)", (two.info.backend_pid,))
    for _ in range(3):
        async with pool.connection() as alive:
            assert await (await alive.execute("SELECT 1 AS one")).fetchone() == {"one": 1}
