"""`fairlead deploy`: puts diagrams, tables and forms on the engine."""

from __future__ import annotations

from typing import Annotated

import typer


def deploy(
    same_tag: Annotated[
        bool, typer.Option("--same-tag", help="Also what changed, but kept its version tag: to try things out alone.")
    ] = False,
) -> None:
    """Put bpmn/, dmn/ and forms/ on the engine as one deployment, and say what changed.

    A file that changed, but kept its version tag, is refused.
    """
    import asyncio

    from workers.cli._support import needs_database
    from workers.runtime.deployment import DeploymentRefused, NothingToDeploy
    from workers.runtime.deployment import deploy as run
    from workers.runtime.zeebe_types import EngineBusy
    from workers.settings import get_settings

    settings = get_settings()
    try:
        with needs_database():
            report = asyncio.run(run(settings, same_tags=same_tag))
    except (NothingToDeploy, DeploymentRefused) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except EngineBusy:
        typer.echo(f"The engine at {settings.zeebe_address} can't be reached. Start it (`fairlead up`).", err=True)
        raise typer.Exit(1) from None
    for line in report.lines():
        typer.echo(line)
    typer.echo(f"Deployed as {report.deployment_key}." if report.changed else "Nothing changed.")
