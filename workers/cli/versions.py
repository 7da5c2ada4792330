"""`fairlead versions …`: which versions of each process run, and which share of new instances has which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli import _ops_support as support
from workers.cli._ops_support import By, Why

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

    from workers.cli._ops_support import Desk
    from workers.operations.audit import Actor

app = typer.Typer(help="Which versions of each process run, and which share of new instances has which.")

ProcessId = Annotated[str, typer.Argument(help="Process id, for instance lead_routing.", metavar="PROCESS")]


@app.callback(invoke_without_command=True)
def list_versions(context: typer.Context) -> None:
    """Say which versions run, and which get new instances."""
    if context.invoked_subcommand is not None:
        return
    rows = support.run(_rows)
    if not rows:
        support.fail("The read model knows no process yet. Is `fairlead readmodel run` at work?")
    from workers.cli._support import print_table

    print_table("Versions", ["Process", "Version", "Tag", "New instances", "Running"], rows)


async def _rows(desk: Desk) -> list[list[str]]:
    from workers.control_room.versions import side_by_side

    async with desk.pool.connection() as connection:
        shares = {
            (pair.process, side.version): side.share
            for pair in await side_by_side(connection)
            for side in (pair.stable, pair.canary)
            if side is not None
        }
        known = await _known(connection)
    divided = {process for process, _ in shares}
    rows = []
    for row in known:
        share = shares.get((row["process"], row["version"]), 0.0 if row["process"] in divided else float(row["newest"]))
        if share or row["running"] or row["newest"]:
            new = f"{100 * share:g} %"
            rows.append([row["process"], str(row["version"]), row["version_tag"], new, f"{row['running']:,}"])
    return rows


async def _known(connection: AsyncConnection[DictRow]) -> list[DictRow]:
    query = """
        SELECT p.process, p.version, p.version_tag, p.version = max(p.version) OVER (PARTITION BY p.process) AS newest,
               (SELECT count(*) FROM control.instances i WHERE i.process_key = p.key AND i.ended_at IS NULL) AS running
        FROM control.processes p ORDER BY p.process, p.version DESC
    """
    return await (await connection.execute(query)).fetchall()


@app.command()
def hold(process: ProcessId, why: Why, by: By = None) -> None:
    """Let new instances stay with the version that is newest now, when the next one is deployed."""
    from workers.runtime.canary import LOOK_SECONDS
    from workers.versions import shares

    async def work(desk: Desk, actor: Actor) -> str:
        import asyncio

        split = await shares.hold(desk.pool, process, actor, _engine(desk))
        await asyncio.sleep(LOOK_SECONDS)  # who deploys right after this finds all workers ready
        return str(split)

    _do(work, why, by)


@app.command()
def canary(
    process: ProcessId,
    share: Annotated[str, typer.Option(help="Of new instances that get the newest version, for instance 10%.")],
    why: Why,
    stable: Annotated[
        int | None, typer.Option(help="Version for the others; default: the one held, or the one before the newest.")
    ] = None,
    by: By = None,
) -> None:
    """Give a share of new instances the newest version, and the others the stable one."""
    from workers.versions import shares

    part = _part(share)

    async def work(desk: Desk, actor: Actor) -> str:
        return str(await shares.set_share(desk.pool, process, part, actor, _engine(desk), stable=stable))

    _do(work, why, by)


@app.command()
def promote(process: ProcessId, why: Why, by: By = None) -> None:
    """Give all new instances the newest version."""
    from workers.versions import shares

    async def work(desk: Desk, actor: Actor) -> str:
        version = await shares.promote(desk.pool, process, actor)
        return f"All new instances of {process} have the newest version, {version}."

    _do(work, why, by)


@app.command()
def rollback(process: ProcessId, why: Why, by: By = None) -> None:
    """Give all new instances the stable version again; running ones stay where they are (`fairlead migrate`)."""
    from workers.versions import shares

    async def work(desk: Desk, actor: Actor) -> str:
        return str(await shares.roll_back(desk.pool, process, actor, _engine(desk)))

    _do(work, why, by)


def _part(text: str) -> float:
    try:
        value = float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        hint = f"{text} is no share. Give it as 10% or 0.1."
        raise typer.BadParameter(hint, param_hint="--share")
    return value


def _engine(desk: Desk) -> Callable[[], Awaitable[str]]:
    async def version() -> str:
        return (await desk.engine.topology()).gateway_version

    return version


def _do(work: Callable[[Desk, Actor], Awaitable[str]], why: str, by: str | None) -> None:
    from workers.operations.model import Wanted
    from workers.versions.errors import VersionError

    actor = support.asked(Wanted(), why, by, everything=True, dry_run=False, yes=True, json=False).actor
    try:
        typer.echo(support.run(lambda desk: work(desk, actor)))
    except VersionError as error:
        support.fail(str(error))
