"""`fairlead connect import workday`: people, and not leads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from workers.connectors.roster.importing import Taken

LISTED = 200
"""So many changes, and so many notes, are shown."""


def import_people(*, dry_run: bool, force: bool) -> None:
    """Take people over from Workday, or only say what would change."""
    import asyncio
    import getpass

    from workers.cli._support import fail
    from workers.connectors.answers import SystemPause
    from workers.connectors.making import NotConnected
    from workers.connectors.roster.making import take
    from workers.connectors.sync.runs import Busy
    from workers.runtime.database import open_pool
    from workers.runtime.errors import TaskError
    from workers.runtime.resources import Resources
    from workers.settings import get_settings

    async def all_of_it() -> Taken:
        settings = get_settings()
        pool = await open_pool(settings.dsn, min_size=1, max_size=2)
        try:
            return await take(Resources(settings, pool), getpass.getuser(), dry=dry_run, force=force)
        finally:
            await pool.close()

    try:
        taken = asyncio.run(all_of_it())
    except (NotConnected, Busy, SystemPause, TaskError) as error:
        fail(str(error))
    _show(taken)


def _show(taken: Taken) -> None:
    from workers.cli._support import print_table
    from workers.connectors.roster.applying import said

    dry = taken.run is None
    if taken.lines:
        rows = [[one.subject, ", ".join(one.fields), one.became] for one in taken.lines[:LISTED]]
        print_table("What would change" if dry else "What changed", ["who or what", "fields", "becomes"], rows)
    for note in taken.notes[:LISTED]:
        typer.echo(f"Note: {note}")
    for number, what in ((len(taken.lines), "changes"), (len(taken.notes), "notes")):
        if number > LISTED:
            typer.echo(f"And {number - LISTED:,} more {what}.")
    counts = {**said(taken.lines), "unchanged": taken.unchanged}
    told = ", ".join(f"{number:,} {what}" for what, number in counts.items())
    if dry:
        typer.echo(f"Nothing was changed. It would be: {told}.")
        if taken.doubts:
            typer.echo(f"An import would be refused: {taken.doubts}. If that is right, use --force.")
    else:
        typer.echo(f"Done: {told}. `fairlead connect report workday` says more.")
