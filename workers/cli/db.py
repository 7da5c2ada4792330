"""`fairlead db …`: the schema of the database."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="The schema of the database.")


@app.command()
def upgrade() -> None:
    """Bring the database to the newest revision; safe to repeat and to run twice at once."""
    from workers.cli._support import reachable
    from workers.runtime import database
    from workers.settings import get_settings

    dsn = reachable(get_settings().dsn)
    before = database.current(dsn)
    after = database.upgrade(dsn)
    typer.echo(f"The database is at revision {after}" + (" already." if before == after else f" (was {before})."))


@app.command()
def current() -> None:
    """Say which revision the database has, and which is the newest."""
    from workers.cli._support import reachable
    from workers.runtime import database
    from workers.settings import get_settings

    found, newest = database.current(reachable(get_settings().dsn)), database.newest()
    hint = "" if found == newest else " Run `fairlead db upgrade`."
    typer.echo(f"The database is at revision {found or 'none'}; the newest is {newest}.{hint}")
