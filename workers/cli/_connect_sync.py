"""`fairlead connect import`, `… reconcile` and `… report`: keeping leads equal with a CRM; `import` takes people too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from workers.cli import _connect_people

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from workers.connectors.sync.making import System
    from workers.connectors.sync.runs import Report, Run
    from workers.runtime.resources import Resources

    Work = Callable[[Resources, Callable[[Run], None]], Awaitable[Run]]

_SYSTEM = Annotated[str, typer.Argument(help="hubspot or salesforce.", metavar="SYSTEM")]
_SYSTEMS = ("hubspot", "salesforce")
_PEOPLE = "workday"

CONNECTIONS = 4


def import_(
    system: Annotated[str, typer.Argument(help="hubspot, salesforce or workday.", metavar="SYSTEM")],
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Only what was made since, UTC.")
    ] = None,
    route: Annotated[bool, typer.Option("--route", help="Also route what nobody owns there, as new leads.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count; of people, say what would change.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="People: also if more of them change than is allowed at once.")
    ] = False,
) -> None:
    """Take the leads that a CRM had before. What broke off goes on from there when the same is asked for again.

    From Workday: take over reps, managers and absences as its reports say now, all of it or nothing.
    """
    if system == _PEOPLE:
        if since or route:
            raise typer.BadParameter("--since and --route are about leads; Workday has people.")
        _connect_people.import_people(dry_run=dry_run, force=force)
        return
    if force:
        raise typer.BadParameter("--force is about people; leads are taken without it.")
    from workers.connectors.sync import making

    async def work(resources: Resources, progress: Callable[[Run], None]) -> Run:
        after = since.replace(tzinfo=UTC) if since else None
        one = making.importing(resources, _named(system))
        return await one.run(since=after, route=route, dry=dry_run, progress=progress)

    _run(_named(system), work)


def reconcile(
    system: _SYSTEM,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what differs, and change nothing.")] = False,
) -> None:
    """Compare all leads with a CRM, make both sides equal, and report."""
    from workers.connectors.sync import making

    async def work(resources: Resources, progress: Callable[[Run], None]) -> Run:
        return await making.reconciliation(resources, _named(system)).run(repair=not dry_run, progress=progress)

    _run(_named(system), work)


def report(
    system: Annotated[str | None, typer.Argument(help="hubspot, salesforce or workday; default: all.")] = None,
    runs: Annotated[int, typer.Option(help="So many of the newest.", min=1)] = 1,
    differences: Annotated[int, typer.Option(help="So many of each at most.", min=0)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON array.")] = False,
) -> None:
    """Show the newest imports and comparisons, and what they found."""
    import json
    from dataclasses import asdict

    from workers.cli._support import database, print_table
    from workers.connectors.sync.runs import reports

    wanted = system if system == _PEOPLE or system is None else _named(system)
    found = database(lambda connection: reports(connection, wanted, runs=runs, differences=differences))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2, default=str))
        return
    if not found:
        typer.echo("Nothing was imported or compared yet.")
    for one in found:
        typer.echo(_headline(one))
        if one.differences:
            print_table(
                f"Run {one.id}",
                ["what", "lead", "record or person", "fields", "what became of it"],
                [
                    [row["kind"], row["lead_id"] or "", row["record_id"] or "", ", ".join(row["fields"]), row["became"]]
                    for row in one.differences
                ],
            )


def _run(system: System, work: Work) -> None:
    import asyncio

    from workers.cli._support import fail
    from workers.connectors import making as making_systems
    from workers.connectors.answers import SystemPause
    from workers.connectors.making import NotConnected
    from workers.connectors.sync.runs import Busy
    from workers.office import systems
    from workers.runtime.database import open_pool
    from workers.runtime.errors import TaskError
    from workers.runtime.resources import Resources
    from workers.settings import get_settings

    def progress(run: Run) -> None:
        typer.echo(f"{_counted(run.counts)}", err=True)

    async def all_of_it() -> Run:
        settings = get_settings()
        pool = await open_pool(settings.dsn, min_size=1, max_size=CONNECTIONS)
        resources = Resources(settings, pool)
        try:
            return await work(resources, progress)
        finally:
            await making_systems.close(resources)
            await systems.close(resources)
            await pool.close()

    try:
        run = asyncio.run(all_of_it())
    except (NotConnected, Busy) as error:
        fail(str(error))
    except (SystemPause, TaskError) as error:
        fail(f"{error} What was done is kept: ask for the same again, and it goes on from there.")
    went_on = ", taken up where it had broken off" if run.resumed else ""
    typer.echo(f"Done{went_on}: {_counted(run.counts)}. `fairlead connect report {system}` says more.")


def _named(system: str) -> Literal["hubspot", "salesforce"]:
    if system not in _SYSTEMS:
        raise typer.BadParameter(f"{system} is neither {' nor '.join(_SYSTEMS)}.")
    return cast("Literal['hubspot', 'salesforce']", system)


def _headline(one: Report) -> str:
    ended = f"finished {one.finished_at:%H:%M}" if one.finished_at else "not finished; ask for it again to go on"
    options = ", ".join(f"{name}: {value}" for name, value in one.options.items() if value is not None)
    return (
        f"{one.system} {one.kind} {one.id}, {one.started_at:%Y-%m-%d %H:%M} ({options}), {ended}: "
        f"{_counted(one.counts)}"
    )


def _counted(counts: object) -> str:
    return ", ".join(f"{number:,} {what}" for what, number in cast("dict[str, int]", counts).items()) or "nothing"
