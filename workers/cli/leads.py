"""`fairlead leads …`: read leads, withdraw one, feed leads from a file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from workers.cli._cases import print_withdrawal

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow
    from rich.console import Console

    from workers.gateway.answers import HumanTasks
    from workers.gateway.replay import Counts, Replay

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="Read leads, withdraw one, feed leads from a file.")


@app.command()
def show(
    lead_id: Annotated[str, typer.Argument(help="As the gateway gave it.")],
    json: Annotated[bool, typer.Option("--json", help="As `GET /v1/leads/{id}` answers.")] = False,
) -> None:
    """Show one lead: score, routing, owner, SLA, and all that happened, with who, what and why."""
    from workers.gateway import rendering, timeline
    from workers.gateway.human_tasks import tasks_of
    from workers.gateway.tasklist import tasklist
    from workers.settings import get_settings

    view = _database(lambda connection: timeline.read_lead(connection, lead_id))
    if view is None:
        _fail(f"There is no lead {lead_id}. `fairlead leads list` shows the latest.")

    async def ask(instance: int | None) -> HumanTasks:
        async with tasklist(get_settings()) as board:
            return await tasks_of(board, instance)

    view = timeline.with_tasks(view, asyncio.run(ask(view.process_instance_key)))
    if json:
        typer.echo(view.model_dump_json(indent=2))
    else:
        _console().print(rendering.show(view))


@app.command(name="list")
def list_(
    state: Annotated[str | None, typer.Option(help="For instance triage or accepted.")] = None,
    owner: Annotated[str | None, typer.Option(help="A rep's id.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Received at or after (UTC).")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 30,
    json: Annotated[bool, typer.Option("--json", help="As `GET /v1/leads` answers.")] = False,
) -> None:
    """List leads, latest first."""
    from typing import get_args

    from workers.gateway import rendering, timeline
    from workers.gateway.answers import State

    if state is not None and state not in get_args(State):
        _fail(f"There is no state {state}. States are: {', '.join(get_args(State))}.")
    earliest = since.replace(tzinfo=UTC) if since else None
    page = _database(
        lambda connection: timeline.list_leads(connection, state=state, owner=owner, since=earliest, limit=limit)
    )
    if json:
        typer.echo(page.model_dump_json(indent=2))
    else:
        _console().print(rendering.table(page))


@app.command()
def withdraw(
    lead_id: Annotated[str, typer.Argument(help="As the gateway gave it.")],
    why: Annotated[str, typer.Option(help="Shown in the timeline; no personal data.")],
) -> None:
    """Stop a lead's process at any point and undo what it did."""
    import getpass

    from workers.gateway import commands
    from workers.settings import get_settings

    if not why.strip() or len(why) > 500:
        _fail("Say why in 1 to 500 characters.")
    ttl = get_settings().gateway.message_ttl_seconds
    actor = getpass.getuser()
    try:
        asked = _database(lambda connection: commands.withdraw(connection, lead_id, why, actor=actor, ttl_seconds=ttl))
    except (commands.LeadUnknown, commands.LeadFinished) as error:
        _fail(str(error))
    print_withdrawal(asked=asked)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="CSV, also .gz, .bz2 or .xz.", exists=True, dir_okay=False)],
    mapping: Annotated[str, typer.Option(help="A mapping file, or the name of a shipped one.")],
    rate: Annotated[float, typer.Option(min=0.01, help="New leads a second.")] = 10.0,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many rows.")] = None,
    url: Annotated[str | None, typer.Option(help="The gateway; default: the one of this installation.")] = None,
    outcomes: Annotated[bool, typer.Option(help="When all are sent, also tell what became of them.")] = False,
) -> None:
    """Feed the leads of a file over HTTP at a steady rate.

    Safe to interrupt and to repeat: leads that were sent before are recognised and passed at full speed.
    """
    from itertools import islice

    from workers.gateway import mapping as mappings
    from workers.gateway.replay import Replay, ReplayError, client
    from workers.settings import get_settings
    from workers.settings_access import Role

    settings = get_settings()
    token = settings.gateway.token_for(Role.API)
    console = _console(stderr=True)

    async def run(show: Callable[[Counts], None]) -> Replay:
        async with client(url or settings.gateway_url, token.get_secret_value() if token else None) as http:
            running = Replay(http, rate=rate, max_batch=settings.gateway.max_batch, progress=show)
            await running.leads(islice(mappings.rows(mappings.load(mapping), file), limit))
            if outcomes:
                await running.outcomes()
            return running

    try:
        counts = _with_progress(console, limit, run)
    except (mappings.MappingError, ReplayError) as error:
        _fail(str(error))
    except KeyboardInterrupt:
        _fail("Interrupted. Run the same command again to go on.")
    for problem in counts.problems:
        console.print(f"refused, {problem}")
    told = f", {counts.outcomes} outcomes told" if outcomes else ""
    typer.echo(
        f"{counts.sent} sent: {counts.accepted} accepted, {counts.duplicates} were there before, "
        f"{counts.refused} refused{told}."
    )


def _with_progress(
    console: Console, total: int | None, run: Callable[[Callable[[Counts], None]], Awaitable[Replay]]
) -> Counts:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("leads", total=total)

        def show(counts: Counts) -> None:
            said = f"{counts.accepted} new, {counts.duplicates} known, {counts.refused} refused"
            said += f", {counts.outcomes} outcomes" if counts.outcomes else ""
            progress.update(bar, completed=counts.sent, description=said)

        async def main() -> Counts:
            return (await run(show)).counts

        return asyncio.run(main())


def _database(read: Callable[[AsyncConnection[DictRow]], Awaitable[T]]) -> T:
    """Run `read` on a connection and commit; without the database, say so and end."""
    from workers.cli._support import database, needs_database

    with needs_database():
        return database(read)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(markup=False, highlight=False, stderr=stderr)


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
