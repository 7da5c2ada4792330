"""What command groups share: errors in plain words, progress, the database, tables."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

T = TypeVar("T")


def database(work: Callable[[AsyncConnection[DictRow]], Awaitable[T]]) -> T:
    """Run something on one connection, in one transaction."""
    from psycopg import AsyncConnection
    from psycopg.rows import dict_row

    from workers.settings import get_settings

    async def run() -> T:
        conn = await AsyncConnection.connect(get_settings().dsn, connect_timeout=5, row_factory=dict_row)
        async with conn:
            return await work(conn)

    return asyncio.run(run())


def reachable(dsn: str) -> str:
    """The same DSN, if the database takes connections; where a pool would wait for it."""
    import psycopg

    with needs_database():
        psycopg.connect(dsn, connect_timeout=5).close()
    return dsn


@contextmanager
def needs_database(otherwise: str = "") -> Iterator[None]:
    """Say what to do and end with code 1, if the database can't be reached or lacks tables.

    `otherwise` is what can be done without one.
    """
    import psycopg

    from workers.runtime.database import reason

    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        message = "The database lacks tables of this version. Run `fairlead db upgrade`."
    except psycopg.OperationalError as error:
        or_else = f"; or {otherwise}" if otherwise else ""
        message = (
            f"The database can't be reached: {reason(error)}\n"
            f"Start it (`fairlead up`) or set FAIRLEAD_DATABASE_URL{or_else}."
        )
    else:
        return
    typer.echo(message, err=True)
    raise typer.Exit(1)


@contextmanager
def plainly(kind: type[Exception], *, extra: str, offline: str) -> Iterator[None]:
    """Turn what a user can mend into a sentence and exit code 1: errors of one kind, a missing `extra`, no database.

    `offline` says what can be done without a database.
    """
    try:
        with needs_database(offline):
            yield
    except kind as error:
        typer.echo(str(error), err=True)
    except ModuleNotFoundError as error:
        typer.echo(f"{error.name} is missing; install Fairlead with its extra '{extra}'.", err=True)
    else:
        return
    raise typer.Exit(1)


@contextmanager
def progress(title: str) -> Iterator[Callable[..., None]]:
    """A bar on standard error: call it with (done, total[, name])."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task(title, total=None)

        def tell(done: int, total: int, name: str = title) -> None:
            bar.update(task, completed=done, total=total, description=name)

        yield tell


def print_table(title: str, head: list[str], rows: list[list[str]]) -> None:
    """Print a table on standard output."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for name in head:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def fail(reason: str) -> NoReturn:
    """Say on standard error what is wrong, and end with exit code 1."""
    typer.echo(reason, err=True)
    raise typer.Exit(1)


def port_refused(port: int | None, error: OSError) -> NoReturn:
    """A process can't listen for who asks for its metrics: say so, and end with exit code 1."""
    fail(f"Port {port} can't be used ({error.strerror}). Give another one by --metrics-port.")


def versions(*others: str) -> dict[str, str]:
    """Of what a report was measured with: these packages and what all reports have."""
    from importlib.metadata import PackageNotFoundError, version

    from workers.settings import get_settings

    packages = {}
    for name in ("fairlead", "pyzeebe", "psycopg", *others):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "not installed"
    return packages | {"camunda": get_settings().versions.camunda, "opensearch": get_settings().versions.opensearch}
