"""The database: migrations and the connection pool. PostgreSQL is the one store."""

from __future__ import annotations

import contextlib
import re
import select
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

MIGRATION_LOCK = 0x0FA1_81EA_D000
"""Advisory lock key: whoever holds it may change the schema."""

Pool = AsyncConnectionPool[AsyncConnection[DictRow]]

_SILENCE = {
    "connect_timeout": "30",
    "keepalives_idle": "20",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""Options of libpq by which a connection breaks when the server's machine has been silent for about half a minute."""


def noticing(dsn: str) -> str:
    """The DSN with a bound on silence. What it says itself holds.

    By default TCP waits a quarter of an hour for a machine that is gone, and for hours where we only listen; so long a
    dispatcher would send nothing. A server that hangs while its machine lives is waited for.
    """
    given = conninfo_to_dict(dsn)
    return make_conninfo(dsn, **{key: value for key, value in _SILENCE.items() if key not in given})


def upgrade(dsn: str) -> str:
    """Bring the schema to the newest revision and return that revision; safe when several do it at once.

    Raises:
        psycopg.OperationalError: the database can't be reached.
    """
    from alembic import command  # noqa: PLC0415 - alembic and SQLAlchemy cost 25 MB, which no worker should pay

    with psycopg.connect(dsn, autocommit=True) as guard:
        guard.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        config, engine = _alembic(dsn)
        try:
            with engine.connect() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        finally:
            engine.dispose()
    revision = current(dsn)
    if revision is None:
        raise RuntimeError("The migrations ran, but the table schema_version is empty.")
    return revision


def current(dsn: str) -> str | None:
    """The schema's revision, or None if no migration ever ran.

    Raises:
        psycopg.OperationalError: the database can't be reached.
    """
    with psycopg.connect(dsn) as connection:
        if connection.execute("SELECT to_regclass('schema_version')").fetchone() == (None,):
            return None
        row = connection.execute("SELECT version_num FROM schema_version").fetchone()
        return str(row[0]) if row else None


def newest() -> str:
    """The newest revision that this package knows: the one that no other builds on."""
    known = _known()
    (head,) = set(known) - set(known.values())
    return head


async def outdated(connection: AsyncConnection[DictRow]) -> bool:
    """Whether the schema is older than this package needs, or not there at all.

    A revision that this package does not know comes from a newer one, whose migrations leave what we use in place.
    """
    try:
        cursor = await connection.execute("SELECT version_num FROM schema_version")
    except psycopg.errors.UndefinedTable:
        return True
    row = await cursor.fetchone()
    return row is None or (row["version_num"] in _known() and row["version_num"] != newest())


@cache
def _known() -> dict[str, str | None]:
    """Every revision of this package and what it builds on. Read without alembic, which no worker should pay for."""
    texts = [file.read_text() for file in (_migrations() / "versions").glob("[0-9]*.py")]
    return dict(map(_revision, texts))


def _revision(text: str) -> tuple[str, str | None]:
    found = dict(re.findall(r"""^(revision|down_revision)\b[^=\n]*=\s*(?:["'](\w+)["']|None)""", text, re.MULTILINE))
    return found["revision"], found["down_revision"] or None


def reason(error: psycopg.Error) -> str:
    """What went wrong, in one line: PostgreSQL's hints come below it."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


async def open_pool(dsn: str, *, min_size: int = 1, max_size: int = 10, autocommit: bool = False) -> Pool:
    """Open a pool of connections that return rows as dicts. The caller closes it.

    It does not wait for the database to be there: asking for a connection fails with `psycopg_pool.PoolTimeout`
    (an OperationalError) after 10 s without one, and a connection that died is noticed before it is handed out, unless
    it dies in that very moment: then the first statement fails as if the database were away.
    """
    pool: Pool = AsyncConnectionPool(
        noticing(dsn),
        min_size=min_size,
        max_size=max_size,
        timeout=10,
        # Short, because psycopg's pause between attempts doubles up to this: after a long outage
        # the next request should try at once.
        reconnect_timeout=5,
        check=_check,
        kwargs={"row_factory": dict_row, "application_name": "fairlead", "autocommit": autocommit},
        open=False,
    )
    await pool.open()
    return pool


@contextlib.asynccontextmanager
async def alone(pool: Pool, what: str) -> AsyncIterator[bool]:
    """Whether nobody else is at work on this, by whatever name it is called; until the block is left nobody else will be.

    An advisory lock on a connection of its own, which may be held for hours: it goes with the connection, whatever kills us.

    Raises:
        psycopg.OperationalError: the database is away.
    """
    async with await AsyncConnection.connect(noticing(str(pool.conninfo)), autocommit=True) as guard:
        row = await (await guard.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (what,))).fetchone()
        try:
            yield row == (True,)
        finally:
            with contextlib.suppress(psycopg.Error):  # of a closed connection the server learns a moment later
                await guard.execute("SELECT pg_advisory_unlock_all()")


async def _check(connection: AsyncConnection[DictRow]) -> None:
    """Ask the server only if it has said something unasked: that it ends the connection, or its socket's end.

    psycopg's own check asks each time, which is one journey more for each job.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        await AsyncConnectionPool.check_connection(connection)


def _migrations() -> Path:
    return Path(__file__).parent.parent / "migrations"


def _alembic(dsn: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - types of a package imported late
    from alembic.config import Config  # noqa: PLC0415 - see `upgrade`
    from sqlalchemy import create_engine, pool  # noqa: PLC0415 - see `upgrade`

    config = Config()
    config.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=pool.NullPool)
    return config, engine
