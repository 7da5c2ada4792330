"""`fairlead connect accounts`: the accounts of a CRM as those that territories are planned with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

if TYPE_CHECKING:
    from workers.connectors.accounts import Accounts

SYSTEMS = ("hubspot", "salesforce")


def accounts(
    system: Annotated[str, typer.Argument(help="hubspot or salesforce.", metavar="SYSTEM")],
    organisation: Annotated[str, typer.Option(help="Whose accounts they become; those that it has are replaced.")],
    everybody: Annotated[bool, typer.Option("--all", help="Also those that none of our reps owns.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
) -> None:
    """Take the accounts of a CRM to plan territories with; `territories.read` of the mapping says what is read of them."""
    import asyncio

    from workers.cli._support import fail
    from workers.connectors import making, targets
    from workers.connectors.answers import SystemPause
    from workers.connectors.making import NotConnected
    from workers.office import systems
    from workers.runtime.database import open_pool
    from workers.runtime.errors import TaskError
    from workers.runtime.resources import Resources
    from workers.settings import get_settings
    from workers.territory_alignment.adapters.organisations import organisations, put_rows

    if system not in SYSTEMS:
        raise typer.BadParameter(f"{system} is neither {' nor '.join(SYSTEMS)}.")

    async def taken() -> Accounts:
        settings = get_settings()
        pool = await open_pool(settings.dsn, min_size=1, max_size=2)
        resources = Resources(settings, pool)
        try:
            async with pool.connection() as connection:
                if organisation not in {one.id for one in await organisations(connection)}:
                    fail(f"There is no organisation {organisation}; make it by `fairlead territory load`.")
            name = cast("Literal['hubspot', 'salesforce']", system)
            found = await targets.accounts(resources, name, everybody=everybody)
            if found.rows and not dry_run:
                async with pool.connection() as connection:
                    await put_rows(connection, organisation, "accounts", found.rows)
            return found
        finally:
            await making.close(resources)
            await systems.close(resources)
            await pool.close()

    try:
        found = asyncio.run(taken())
    except (NotConnected, SystemPause, TaskError) as error:
        fail(f"{error} Nothing was changed.")
    if not found.rows:
        fail("No account was found that one of our reps owns; nothing was changed. --all takes the others too.")
    left = f"{found.others:,} of others and {found.nameless:,} without a name were left out"
    typer.echo(f"{len(found.rows):,} accounts{' would be' if dry_run else ''} taken; {left}.")
