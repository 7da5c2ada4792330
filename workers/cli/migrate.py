"""`fairlead migrate …`: move running instances to another version of their process, by a plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli import _ops_support as support
from workers.cli._ops_support import By, Why, Yes
from workers.cli.versions import ProcessId

if TYPE_CHECKING:
    from workers.cli._ops_support import Desk
    from workers.versions.applying import Report
    from workers.versions.plan import Plan

app = typer.Typer(no_args_is_help=True, help="Move running instances to another version of their process, by a plan.")


@app.command()
def plan(
    process: ProcessId,
    from_: Annotated[int, typer.Option("--from", help="Version that they have.")],
    to: Annotated[int, typer.Option("--to", help="Version that they are to have.")],
    maps: Annotated[
        list[str] | None, typer.Option("--map", metavar="OLD=NEW", help="An element of another id stands for it.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File; default: PROCESS-FROM-TO.migration.yaml")] = None,
    by: By = None,
) -> None:
    """Say which running instances can be moved, by which mapping, and which can't and why. Moves nothing."""
    import getpass

    from workers.versions.errors import VersionError
    from workers.versions.planning import make_plan

    renamed = dict(_pair(text) for text in maps or ())

    async def work(desk: Desk) -> Plan:
        engine = await desk.engine.topology()
        async with desk.pool.connection() as connection:
            return await make_plan(
                connection, process, from_, to,
                engine_version=engine.gateway_version, made_by=by or getpass.getuser(), renamed=renamed,
            )  # fmt: skip

    try:
        found = support.run(work)
    except VersionError as error:
        support.fail(str(error))
    file = out or Path(f"{process}-{from_}-{to}.migration.yaml")
    file.write_text(found.text(), encoding="utf-8")
    _tell_plan(found)
    typer.echo(f"Look it through, then: fairlead migrate apply {file}")


@app.command("apply")
def apply_(
    file: Annotated[Path, typer.Argument(help="The plan, as `fairlead migrate plan` wrote it.")],
    why: Why,
    at_most: Annotated[int | None, typer.Option(min=1, help="Move so many now; the same call goes on later.")] = None,
    by: By = None,
    yes: Yes = False,
) -> None:
    """Move the instances of a plan that are still where it saw them. May be cut short and called again."""
    from workers.operations.model import Wanted
    from workers.versions.applying import apply_plan
    from workers.versions.errors import VersionError
    from workers.versions.plan import read_plan

    actor = support.asked(Wanted(), why, by, everything=True, dry_run=False, yes=yes, json=False).actor

    async def work(desk: Desk) -> Report:
        engine = (await desk.engine.topology()).gateway_version
        return await apply_plan(desk.pool, desk.engine, found, actor, engine_version=engine, at_most=at_most)

    try:
        found = read_plan(file.read_text(encoding="utf-8"))
        if not yes:
            typer.confirm(
                f"Move {len(found.movable)} instances of {found.process} from version {found.source.version} to "
                f"{found.target.version}?", abort=True, err=True,
            )  # fmt: skip
        report = support.run(work)
    except OSError as error:
        support.fail(f"{file} can't be read: {error.strerror}.")
    except VersionError as error:
        support.fail(str(error))
    _tell_report(report)
    if any(step.outcome in {"refused", "left"} for step in report.steps):
        raise typer.Exit(1)


def _pair(text: str) -> tuple[str, str]:
    was, _, is_ = text.partition("=")
    if not was or not is_:
        hint = f"{text} is not OLD=NEW, two element ids."
        raise typer.BadParameter(hint, param_hint="--map")
    return was, is_


def _tell_plan(found: Plan) -> None:
    from workers.cli._support import print_table

    groups: dict[tuple[str, str], int] = {}
    for one in found.instances:
        reason = "yes" if one.can else "; ".join(one.why_not)
        place = ", ".join(one.waits_at) or "between two elements"
        groups[place, reason] = groups.get((place, reason), 0) + 1
    title = f"{found.process}: version {found.source.version} to {found.target.version}"
    rows = [[place, f"{number:,}", reason] for (place, reason), number in sorted(groups.items())]
    print_table(title, ["Waiting at", "Instances", "Can be moved"], rows)
    if found.gone:
        typer.echo(f"Nothing of the new version stands for: {', '.join(found.gone)}")
    for remark in found.remarks:
        typer.echo(f"- {remark}")
    typer.echo(f"{found.can} can be moved, {found.cannot} can't.")


def _tell_report(report: Report) -> None:
    for step in report.steps:
        if step.outcome not in {"moved", "ended"}:
            typer.echo(f"{step.key} {step.case}: {step.outcome}. {step.detail}")
    told = ", ".join(f"{number} {outcome}" for outcome, number in sorted(report.counts.items())) or "nothing to do"
    more = f"; {report.left_over} not come to yet" if report.left_over else ""
    typer.echo(f"{told}{more}.")
