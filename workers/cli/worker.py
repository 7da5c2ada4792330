"""`fairlead worker …`: processes that serve tasks."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Processes that serve tasks.")


@app.command("list")
def list_() -> None:
    """List all tasks."""
    from workers.runtime.discovery import all_job_types

    for job_type in all_job_types():
        typer.echo(job_type)


@app.command()
def run(
    tasks: Annotated[
        list[str] | None, typer.Argument(help="Job types, for instance lead_routing.assign_owner.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Serve every task there is.")] = False,
    excluded: Annotated[list[str] | None, typer.Option("--except", help="With --all: but not this one.")] = None,
    root: Annotated[
        str | None,
        typer.Option(help="The importable package whose sub-packages hold the tasks; default: Fairlead's own."),
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve /metrics, /healthz and /readyz there; default: ports.worker_metrics.")
    ] = None,
) -> None:
    """Serve one or several tasks in this process until SIGTERM, then finish what runs and exit."""
    import asyncio

    from workers.cli._support import port_refused
    from workers.runtime import logs
    from workers.runtime.discovery import ROOT, UnknownTask, all_job_types
    from workers.runtime.service import serve_tasks
    from workers.runtime.tracing import NotInstalled
    from workers.settings import get_settings

    if everything == bool(tasks):
        raise typer.BadParameter("Name the tasks to serve, or say --all (`fairlead worker list` shows them).")
    settings = get_settings()
    logs.configure(settings)
    package = root or ROOT
    chosen = [name for name in tasks or all_job_types(package) if name not in (excluded or [])]
    port = settings.ports.worker_metrics if metrics_port is None else metrics_port
    try:
        code = asyncio.run(serve_tasks(settings, chosen, metrics_port=port, root=package))
    except UnknownTask as error:
        raise typer.BadParameter(str(error)) from None
    except NotInstalled as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        port_refused(port, error)
    raise typer.Exit(code)
