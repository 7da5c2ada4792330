"""`fairlead quota …`: plan quotas, explain, compare and change them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from workers.cli import _quota_review
from workers.cli import _quota_support as support
from workers.cli._versions import print_problems
from workers.spreadsheets import write_frame

app = typer.Typer(no_args_is_help=True, help="Plan quotas, explain, compare and change them, and have them approved.")
app.command()(_quota_review.load)
app.command()(_quota_review.history)
app.add_typer(_quota_review.app, name="review")

Version = Annotated[str, typer.Argument(help="A version, a .quotas file, or `latest`.")]
Rows = Annotated[int, typer.Option(min=1, help="Rows to print.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write all quotas there as CSV.")]
Out = Annotated[Path | None, typer.Option(help="Write the version to this folder instead of .fairlead.")]


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="Where to write the tables and rules.yaml.")],
    reps: Annotated[int, typer.Option(min=2, max=20_000, help="Reps of the organisation.")] = 200,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 1,
) -> None:
    """Write a sample organisation with four years of history: what `plan` reads."""
    with support.plain_errors():
        from workers.quota_approval.planning.sample import write_sample

        write_sample(folder, reps=reps, seed=seed)
        typer.echo(
            f"{reps} reps with four years of history are in {folder}; go on with `fairlead quota plan {folder}`."
        )


@app.command()
def plan(
    folder: Annotated[Path, typer.Argument(help="Folder with the tables that docs/quota.md declares.")],
    rules: Annotated[Path | None, typer.Option(help="Rules; default: rules.yaml of the folder.")] = None,
    target: Annotated[str | None, typer.Option(help="Another target than the rules have.")] = None,
    out: Out = None,
    csv: Csv = None,
    level: Annotated[str | None, typer.Option(help="Print the quotas of this level.")] = None,
    rows: Rows = 20,
) -> None:
    """Split the target: as equal in odds as the rules allow, to the cent; the result is a version."""
    with support.plain_errors():
        from workers.quota_approval.planning.reading import read_folder
        from workers.quota_approval.planning.rules import load_rules
        from workers.quota_approval.planning.running import run_plan

        wanted = load_rules(rules or folder / "rules.yaml", target=None if target is None else _amount(target))
        reading = read_folder(folder, currency=wanted.currency)
        made = run_plan(reading.inputs, wanted, problems=reading.problems)
        print_problems(list(made.problems["text"]))
        file = support.SHELF.keep(made, out)
        support.show(made, level=level, rows=rows)
        support.export(made, csv)
        typer.echo(f"Version {made.version}, kept in {file}.")


@app.command()
def show(
    version: Version = "latest",
    node: Annotated[list[str] | None, typer.Option(help="Explain this rep or unit; can be repeated.")] = None,
    level: Annotated[str | None, typer.Option(help="Only quotas of this level.")] = None,
    calibration: Annotated[
        bool, typer.Option("--calibration", help="Whether the odds held in earlier periods.")
    ] = False,
    csv: Csv = None,
    rows: Rows = 20,
) -> None:
    """Show a version; with --node why a quota is what it is and what each rule costs."""
    with support.plain_errors():
        from workers.quota_approval.planning.explaining import explain

        found = support.find(version)
        for one in node or ():
            support.show_node(found, explain(found, one))
        if calibration:
            support.show_calibration(found)
        if not node and not calibration:
            support.show(found, level=level, rows=rows)
        support.export(found, csv)


@app.command()
def adjust(
    version: Version,
    node: Annotated[str, typer.Argument(help="Rep or unit.")],
    quota: Annotated[str, typer.Argument(help="Its quota, such as 250000.00.")],
    reason: Annotated[str, typer.Option(help="Why; kept with the version.")],
    out: Out = None,
    rows: Rows = 20,
) -> None:
    """Set one quota; the rest of its unit is split again around it, and the result is a version of its own."""
    with support.plain_errors():
        from workers.quota_approval.planning.adjusting import adjust as set_quota
        from workers.quota_approval.planning.money import cents

        before = support.find(version)
        made = set_quota(before, node, cents(_amount(quota)), reason)
        file = support.SHELF.keep(made, out)
        support.show_comparison(before, made, rows)
        typer.echo(f"Version {made.version}, kept in {file}.")


@app.command()
def compare(
    older: Annotated[str, typer.Argument(help="A version or .quotas file.")],
    newer: Annotated[str, typer.Argument(help="Another one.")],
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the whole table there, amounts in cents.")] = None,
    rows: Rows = 20,
) -> None:
    """Two plans side by side: key figures, and what moves for whom and why."""
    with support.plain_errors():
        found = support.show_comparison(support.find(older), support.find(newer), rows)
        if csv is not None:
            write_frame(csv, found)
            typer.echo(f"Written to {csv}.", err=True)


def _amount(text: str) -> Decimal:
    """An amount as it is typed. Raises InputError."""
    from workers.quota_approval.planning.errors import InputError

    try:
        found = Decimal(text)
    except InvalidOperation as error:
        raise InputError(f"{text!r} is no amount; write it like 250000.00") from error
    if not found.is_finite() or found < 0:
        raise InputError(f"{text!r} is no amount that a quota can have; write it like 250000.00")
    return found
