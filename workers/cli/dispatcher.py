"""`fairlead dispatcher …`: processes that send the outbox."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Processes that send the outbox.")


@app.callback()
def _group() -> None:
    """Processes that send the outbox."""


@app.command()
def run(
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve /metrics, /healthz and /readyz there; default: ports.dispatcher_metrics.")
    ] = None,
) -> None:
    """Send outbox rows (messages to the engine, CRM, mail) until SIGTERM; any number may run."""
    import asyncio

    from workers.cli._element_states import rest_view
    from workers.cli._support import port_refused
    from workers.runtime import logs
    from workers.runtime.service import serve_outbox
    from workers.runtime.tracing import NotInstalled
    from workers.settings import get_settings

    settings = get_settings()
    logs.configure(settings)
    port = settings.ports.dispatcher_metrics if metrics_port is None else metrics_port
    try:
        # The embedded engine speaks gRPC only: there, what only the engine knows waits.
        view = None if settings.engine == "embedded" else lambda: rest_view(settings)
        code = asyncio.run(serve_outbox(settings, metrics_port=port, states=view))
    except NotInstalled as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        port_refused(port, error)
    raise typer.Exit(code)
