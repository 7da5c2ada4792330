from __future__ import annotations

import asyncio
import os
import socket
from concurrent.futures import ThreadPoolExecutor

from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
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


async def test_a_server_whose_machine_is_gone_is_noticed(dsn: str) -> None:
    given = conninfo_to_dict(dsn)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while some := await reader.read(65_536):
            writer.write(some)
        writer.close()

    async def link(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The tests' server listens in a folder only: this gives it a port."""
        far = await asyncio.open_unix_connection(f"{given['host']}/.s.PGSQL.{given.get('port', 5432)}")
        await asyncio.gather(carry(reader, far[1]), carry(far[0], writer))

    async with await asyncio.start_server(link, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        pool = await database.open_pool(make_conninfo(dsn, host="127.0.0.1", port=port, keepalives_idle=7))
        async with pool.connection() as connection:
            with socket.socket(fileno=os.dup(connection.fileno())) as tcp:
                assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
                assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 5
                assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 3
                assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 7  # what the DSN says holds
        await pool.close()
