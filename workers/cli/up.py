"""`fairlead up`, `status`, `down` and `reset`: the local stack from the keyboard."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when everything is ready.")] = False,
    engine_only: Annotated[
        bool, typer.Option("--engine-only", help="Only Camunda, OpenSearch, PostgreSQL and the mail catcher.")
    ] = False,
    no_sample: Annotated[bool, typer.Option("--no-sample", help="No sample organisation and no sample leads.")] = False,
) -> None:
    """Start everything, or what is missing of it; Ctrl-C stops it again (with --detach: `fairlead down`)."""
    from workers.cli import _up_screen as screen
    from workers.engine.errors import EngineError
    from workers.settings import get_settings

    sample = not (no_sample or engine_only)
    try:
        screen.Up(get_settings(), engine_only=engine_only, sample=sample).run(detach=detach)
    except EngineError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from None


def status(
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs; healthy: everything that should run is ready.")
    ] = False,
) -> None:
    """Say what runs and how it is; exit code 0 if all is well, 1 if something is not ready, 3 if nothing runs."""
    import asyncio

    from workers.cli import _up_screen as screen
    from workers.settings import get_settings

    stack = screen.stack_of(get_settings())
    running = stack.supervisor.running()
    found = asyncio.run(stack.health()) if running else []
    healthy = bool(found) and all(one.problem is None for one in found)
    if as_json:
        settings = stack.settings
        document = {
            "engine": settings.engine,
            "home": str(settings.home.absolute()),
            "running": running,
            "healthy": healthy,
            "programs": [one.as_json() for one in found],
        }
        typer.echo(json.dumps(document, indent=2))
    elif running:
        screen.show(found)
    else:
        typer.echo(f"Nothing of Fairlead runs for {stack.settings.home.absolute()}. Start it with `fairlead up`.")
    raise typer.Exit(0 if healthy else 1 if running else 3)


def down() -> None:
    """Stop everything; the data are kept."""
    from workers.cli import _up_screen as screen
    from workers.settings import get_settings

    home = get_settings().home.absolute()
    if screen.stack_of(get_settings()).down():
        typer.echo(f"Everything is stopped; the data are kept in {home}.")
    else:
        typer.echo(f"Nothing of Fairlead runs for {home}.")


def reset(yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Stop everything and forget the data of the local stack; downloads and settings stay."""
    import shutil

    from workers.cli import _up_screen as screen
    from workers.settings import get_settings

    home = get_settings().home.absolute()
    if home.exists() and not (home / "run" / "supervisord.conf").exists():
        typer.secho(f"{home} was not made by `fairlead up`; it is left alone.", fg=typer.colors.RED, err=True)
        raise typer.Exit(1)
    if not yes:
        typer.confirm(f"Forget all data below {home}?", abort=True)
    screen.stack_of(get_settings()).down()
    if home.exists():
        shutil.rmtree(home)
    typer.echo(f"{home} is removed. `fairlead up` starts afresh.")


commands = [up, status, down, reset]
"""Top-level commands, mounted by `workers.__main__`."""
