"""`fairlead readmodel …`: the read model behind the control room."""

from __future__ import annotations

from typing import Annotated

import typer

from workers.cli import _predict

app = typer.Typer(no_args_is_help=True, help="The read model behind the control room's pages.")
app.add_typer(_predict.app, name="predict")


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
