"""`fairlead heal …`: self-healing in a loop or one round, its switch, what it looks after and what it did."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli import _ops_support as support

if TYPE_CHECKING:
    from workers.cli._ops_support import Desk
    from workers.healing.healer import Healer
    from workers.healing.model import Report
    from workers.operations.model import Done

app = typer.Typer(
    no_args_is_help=True,
    help="Self-healing: what is mended without a person, by the rules of the decision table healing_rule.",
)


@app.command()
def run(
    once: Annotated[bool, typer.Option("--once", help="One round, then say what it did.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    every: Annotated[
        float | None, typer.Option(min=1.0, help="Seconds between rounds; default: healing.every_seconds.")
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve /metrics, /healthz and /readyz there; default: nowhere.")
    ] = None,
    json: support.AsJson = False,
) -> None:
    """Heal, and tell operations of new incidents and dead letters, until SIGTERM.

    Of several such processes one works, the others stand by.
    """
    from workers.cli._support import port_refused
    from workers.healing import showing
    from workers.runtime import logs
    from workers.settings import get_settings

    settings = get_settings()
    logs.configure(settings)
    if once:
        reports = support.run(lambda desk: _once(desk, dry_run))
        if json:
            typer.echo(showing.as_json(reports))
        else:
            support.console().print(showing.round_(reports))
        return
    pause = settings.healing.every_seconds if every is None else every
    try:
        support.run(lambda desk: _serve(desk, dry_run, pause, metrics_port), wait=True)
    except OSError as error:
        port_refused(metrics_port, error)


@app.command()
def off(why: support.Why, by: support.By = None) -> None:
    """Do nothing by itself from now on; what is under way is finished. Operations are told of troubles as before."""
    _turn(why, by, on=False)


@app.command()
def on(why: support.Why, by: support.By = None) -> None:
    """Heal again."""
    _turn(why, by, on=True)


@app.command()
def show(json: support.AsJson = False) -> None:
    """Whether it is on, and what it looks after now."""
    from workers.healing import showing, switch

    async def work(desk: Desk) -> tuple[switch.Switch, list[showing.Shown]]:
        return await switch.read(desk.pool, desk.settings), await showing.open_cases(desk.pool)

    position, found = support.run(work)
    if json:
        typer.echo(showing.as_json(found))
        return
    typer.echo(showing.position(position))
    support.console().print(showing.listed(found) if found else "Nothing is wrong.")


@app.command()
def history(
    case: support.Case = "",
    since: Annotated[datetime | None, typer.Option(help="At or after (UTC).")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
    json: support.AsJson = False,
) -> None:
    """What it did, and who switched it, latest first."""
    from workers.healing import showing
    from workers.operations import rendering

    earliest = since.replace(tzinfo=UTC) if since else None
    found = support.run(lambda desk: showing.history(desk.pool, case=case or None, since=earliest, limit=limit))
    if json:
        typer.echo(rendering.as_json(found))
    elif found:
        support.console().print(rendering.trail(found))
    else:
        typer.echo("Nothing was done.")


def _turn(why: str, by: str | None, *, on: bool) -> None:
    from workers.healing import showing, switch
    from workers.operations.model import Wanted

    how = support.asked(Wanted(), why, by, everything=True, dry_run=False, yes=True, json=False)

    async def work(desk: Desk) -> tuple[Done, switch.Switch]:
        return await switch.turn(desk.pool, how.actor, on=on), await switch.read(desk.pool, desk.settings)

    done, position = support.run(work)
    typer.echo(showing.position(position))
    if not done.ok:
        support.fail(f"Nothing was changed: {done.outcome}.")


async def _once(desk: Desk, dry_run: bool) -> list[Report]:
    return await _healer(desk, dry_run).once()


async def _serve(desk: Desk, dry_run: bool, every: float, metrics_port: int | None) -> None:
    from workers.runtime.housekeeping import asked_to_stop
    from workers.runtime.probes import Probes

    stop = asked_to_stop()
    healer = _healer(desk, dry_run)

    def state() -> dict[str, object]:
        return {"ready": not stop.is_set(), "working": healer.working, "stopping": stop.is_set()}

    served = Probes(desk.settings.bind_host, metrics_port, state) if metrics_port is not None else None
    try:
        await healer.run(stop, every)
    finally:
        if served is not None:
            served.close()


def _healer(desk: Desk, dry_run: bool) -> Healer:
    from workers.healing.hands import Hands
    from workers.healing.healer import Healer
    from workers.healing.watching import Watch
    from workers.operations.dependencies import probes
    from workers.operations.telling import Telling

    return Healer(
        desk.settings,
        desk.pool,
        desk.engine,
        Watch(desk.pool, desk.board, Telling(desk.pool, desk.board, desk.settings).tell),
        Hands(desk.pool, desk.board, desk.engine),
        probes(desk.settings, desk.pool, desk.engine),
        dry_run=dry_run,
    )
