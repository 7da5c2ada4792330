"""`fairlead readmodel …`: the read model behind the control room."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli import _predict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.control_room.event_log import Format
    from workers.control_room.kpis import Scope

app = typer.Typer(no_args_is_help=True, help="The read model behind the control room's pages.")
app.add_typer(_predict.app, name="predict")


class LogFormat(StrEnum):
    """What an event log may be written as."""

    XES = "xes"
    OCEL = "ocel"


@app.callback()
def _group() -> None:
    """The read model behind the control room's pages."""


@app.command()
def run(
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve /metrics, /healthz and /readyz there; default: ports.readmodel_metrics.")
    ] = None,
) -> None:
    """Follow the engine's records until SIGTERM; of several each page is taken in by one."""
    import asyncio

    from workers.cli._support import port_refused
    from workers.control_room.serving import serve
    from workers.runtime import logs
    from workers.settings import get_settings

    settings = get_settings()
    logs.configure(settings)
    port = settings.ports.readmodel_metrics if metrics_port is None else metrics_port
    try:
        asyncio.run(serve(settings, port))
    except OSError as error:
        port_refused(port, error)


@app.command()
def rebuild(yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False) -> None:
    """Empty the read model and read all of the engine's records again. Nothing else is changed."""
    import asyncio

    from workers.cli._support import fail, needs_database
    from workers.control_room.exported import RecordsUnavailable
    from workers.control_room.serving import rebuild as build
    from workers.settings import get_settings

    if not yes:
        typer.confirm("Empty the read model and read it again? Pages show less until that is done.", abort=True)
    try:
        with needs_database():
            asyncio.run(build(get_settings()))
    except RecordsUnavailable as error:
        fail(str(error))
    typer.echo("The read model was built anew.")


@app.command()
def export(
    process: Annotated[
        list[str], typer.Option(help="Id of a process; OCEL takes several, each with its own --process.")
    ],
    since: Annotated[datetime, typer.Option(help="Instances that began then or later (UTC).")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="File to write; gzipped if it ends in .gz.")],
    until: Annotated[datetime | None, typer.Option(help="Instances that began before (UTC); default: now.")] = None,
    form: Annotated[
        LogFormat, typer.Option("--format", help="xes: IEEE 1849; ocel: OCEL 2.0 as JSON.")
    ] = LogFormat.XES,
) -> None:
    """Write an event log of processes, for tools of process mining. It holds names of people and leads."""
    import asyncio

    from workers.cli._support import fail, reachable
    from workers.control_room.cases import UnknownProcess
    from workers.control_room.kpis import Scope
    from workers.settings import get_settings

    if form is LogFormat.XES and len(process) > 1:
        fail("XES is the log of one process. Write one file for each, or one for all with --format ocel.")
    scope = Scope(since.replace(tzinfo=UTC), until.replace(tzinfo=UTC) if until else datetime.now(UTC))
    if scope.since >= scope.until:
        fail("--since must be before --until.")
    dsn = reachable(get_settings().dsn)
    try:
        size = asyncio.run(_export(dsn, process, scope, form.value, out))
    except UnknownProcess as error:
        fail(str(error))
    except OSError as error:
        fail(f"{out} can't be written: {error.strerror}.")
    typer.echo(f"{out}: {size:,} bytes")


async def _export(dsn: str, processes: Sequence[str], scope: Scope, form: Format, out: Path) -> int:
    """Write a log to a file, whole or not at all; its size before gzip."""
    import gzip

    from workers.control_room import cases, event_log
    from workers.runtime.database import open_pool

    pool = await open_pool(dsn, max_size=1)
    part = out.with_name(f"{out.name}.part")
    size = 0
    try:
        await cases.check(pool, processes)
        with gzip.open(part, "wb") if out.suffix == ".gz" else part.open("wb") as file:
            async for text in event_log.written(pool, processes, scope, form):
                size += file.write(text)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
        await pool.close()
    return size
