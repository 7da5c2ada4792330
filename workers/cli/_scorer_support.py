"""What the commands of `fairlead scorer` share: errors in plain words, progress, the database, files."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

    from workers.lead_routing.scoring.card import Card
    from workers.lead_routing.scoring.store import LeadReader
    from workers.lead_routing.scoring.training import Trained

T = TypeVar("T")


def artifact_of(model: str | None, schema_name: str) -> bytes:
    """The bytes of a model file, or of the schema's active model. Raises ArtifactError or NoModelError."""
    from workers.lead_routing.scoring import store
    from workers.lead_routing.scoring.errors import ArtifactError, NoModelError

    if model is not None:
        try:
            return Path(model).read_bytes()
        except OSError as error:
            raise ArtifactError(f"{model} cannot be read: {error.strerror}") from error
    active = database(lambda conn: store.load_active(conn, schema_name))
    if active is None:
        raise NoModelError(f"schema {schema_name!r} has no active model; train one with `fairlead scorer train`")
    return active.artifact


def lead_reader(schema_name: str) -> LeadReader:
    """Reads a stored lead as the worker reads it for scoring; leads of sources with another schema are skipped."""
    from workers.lead_routing.adapters import upkeep
    from workers.settings import get_settings

    settings = get_settings()
    return upkeep.lead_reader(schema_name, schema=settings.scoring_schema, by_source=settings.scoring_schema_by_source)


def write(folder: Path, trained: Trained, card: Card) -> None:
    """Write a model with its card as JSON and Markdown."""
    from workers.lead_routing.scoring.card import render_markdown

    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{trained.version}.scorer").write_bytes(trained.artifact)
    (folder / f"{trained.version}.card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    (folder / f"{trained.version}.card.md").write_text(render_markdown(card), encoding="utf-8")
    typer.echo(f"Written to {folder / trained.version}.scorer, with its card as .card.json and .card.md.")


def keep(trained: Trained, card: Card, *, active: bool = True) -> None:
    """Store a model in the database, and make it the active one if asked."""
    from workers.lead_routing.scoring import store

    async def insert(conn: AsyncConnection[DictRow]) -> None:
        name = str(trained.payload.model_schema["name"])
        await store.save(conn, trained.version, name, trained.artifact, card)
        if active:
            await store.activate(conn, trained.version)

    with plain_errors():
        database(insert)
    typer.echo(f"Stored {trained.version}" + (" and made it active." if active else "; it is not active."))


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


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn what a user can mend into a sentence and exit code 1."""
    import psycopg

    from workers.lead_routing.scoring.errors import ScoringError

    try:
        yield
    except ScoringError as error:
        typer.echo(str(error), err=True)
    except ModuleNotFoundError as error:
        typer.echo(f"{error.name} is missing; install Fairlead with its extra 'scoring'.", err=True)
    except psycopg.errors.UndefinedTable:
        typer.echo("The database has no table for models yet; run `fairlead db upgrade`.", err=True)
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        typer.echo(
            f"The database can't be reached: {reason}\nStart it (`fairlead up`), set FAIRLEAD_DATABASE_URL, "
            "or train into a folder with --out.",
            err=True,
        )
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
