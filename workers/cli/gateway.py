"""`fairlead gateway …`: the HTTP door."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The HTTP door: leads in, and what became of them.")


@app.callback()
def _group() -> None:
    """The HTTP door: leads in, and what became of them."""


@app.command()
def run(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: bind_host.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; default: ports.gateway.", min=0, max=65535)
    ] = None,
) -> None:
    """Serve HTTP until SIGTERM. Without API tokens it listens on loopback only."""
    import asyncio

    from workers.gateway.guard import ConfigurationError
    from workers.gateway.server import serve
    from workers.runtime import logs
    from workers.runtime.tracing import NotInstalled
    from workers.settings import get_settings

    settings = get_settings()
    logs.configure(settings)
    try:
        asyncio.run(serve(settings, host or settings.bind_host, settings.ports.gateway if port is None else port))
    except (ConfigurationError, NotInstalled) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
