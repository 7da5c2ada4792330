"""`fairlead ops repair …`: repair policies, in a loop or one round, and telling operations of what is new."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli import _ops_support as support

if TYPE_CHECKING:
    from workers.cli._ops_support import Desk
    from workers.operations.policies import Policy
    from workers.operations.repair import Repair, Report

app = typer.Typer(no_args_is_help=True, help="Repair policies: what is tried again without a person.")

File = Annotated[
    Path | None,
    typer.Option("--policies", envvar="FAIRLEAD_REPAIR_POLICIES", help="A YAML file; default: the one shipped."),
]


@app.command()
def policies(file: File = None) -> None:
    """Show the policies in use."""
    table = [
        f"{one.name}: {one.of}{f' of {one.channel}' if one.channel else ''} whose message has "
        f"{' or '.join(one.matches)}; at most {one.tries} tries each, the first after {one.first.total_seconds():g} s, "
        f"then twice as long up to {one.cap.total_seconds():g} s; at most {one.per_minute} a minute"
        f"{'; only while these answer: ' + ', '.join(one.waits_for) if one.waits_for else ''}."
        for one in _load(file)
    ]
    typer.echo("\n".join(table))


@app.command()
def run(
    file: File = None,
    once: Annotated[bool, typer.Option("--once", help="One round, then say what it did.")] = False,
    every: Annotated[float, typer.Option(min=1.0, help="Seconds between rounds.")] = 10.0,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve /metrics, /healthz and /readyz there; default: nowhere.")
    ] = None,
    json: support.AsJson = False,
) -> None:
    """Carry the policies out, and tell operations of new incidents and dead letters, until SIGTERM.

    Of several such processes one works, the others stand by.
    """
    from workers.cli._support import port_refused
    from workers.operations import rendering
    from workers.runtime import logs
    from workers.settings import get_settings

    chosen = _load(file)
    settings = get_settings()
    logs.configure(settings)
    if once:
        reports = support.run(lambda desk: _once(desk, chosen))
        if json:
            typer.echo(rendering.as_json(reports))
        else:
            support.console().print(rendering.round_(reports))
        return
    try:
        support.run(lambda desk: _serve(desk, chosen, every, metrics_port), wait=True)
    except OSError as error:
        port_refused(metrics_port, error)


def _load(file: Path | None) -> list[Policy]:
    from workers.operations.policies import SHIPPED, PoliciesError, load

    try:
        return load(file or SHIPPED)
    except PoliciesError as error:
        support.fail(str(error))


async def _once(desk: Desk, chosen: Sequence[Policy]) -> list[Report]:
    return await _repair(desk, chosen).once()


async def _serve(desk: Desk, chosen: Sequence[Policy], every: float, metrics_port: int | None) -> None:
    from workers.runtime.housekeeping import asked_to_stop
    from workers.runtime.probes import Probes

    stop = asked_to_stop()
    repair = _repair(desk, chosen)

    def state() -> dict[str, object]:
        return {"ready": not stop.is_set(), "working": repair.working, "stopping": stop.is_set()}

    served = Probes(desk.settings.bind_host, metrics_port, state) if metrics_port is not None else None
    try:
        await repair.run(stop, every)
    finally:
        if served is not None:
            served.close()


def _repair(desk: Desk, chosen: Sequence[Policy]) -> Repair:
    from workers.operations.dependencies import probes
    from workers.operations.repair import Repair
    from workers.operations.telling import Telling

    return Repair(
        desk.settings.dsn,
        desk.pool,
        desk.board,
        desk.engine,
        chosen,
        probes(desk.settings, desk.pool, desk.engine),
        Telling(desk.pool, desk.board, desk.settings).tell,
    )
