"""`fairlead territory …`: give accounts to reps, look at plans, change and compare them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli import _territory_review as review
from workers.cli import _territory_support as support
from workers.cli._support import print_table
from workers.cli._versions import print_problems

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(no_args_is_help=True, help="Give accounts to reps, look at plans, change and compare them.")
app.command()(review.load)
app.command()(review.history)
app.add_typer(review.app, name="review")

Version = Annotated[str, typer.Argument(help="A version, a .territories file, or `latest`.")]
Seconds = Annotated[float | None, typer.Option(min=0.1, help="Stop after so many seconds.")]
Rounds = Annotated[int | None, typer.Option(min=0, help="Stop after so many rounds: repeatable to the account.")]
Gap = Annotated[
    float, typer.Option(min=0.0, help="Stop when the plan is proven to be so near to the best; 0.01 is 1 %.")
]
Seed = Annotated[int, typer.Option(help="Of the search.")]
Rows = Annotated[int, typer.Option(min=1, help="Rows to print.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write all accounts there as CSV.")]
Chart = Annotated[Path | None, typer.Option("--chart", help="Write a map there, as PNG.")]
Out = Annotated[Path | None, typer.Option(help="Write the plan to this folder instead of .fairlead.")]
Store = Annotated[bool, typer.Option("--store", help="Keep it in the database too.")]


@app.command()
def solve(
    accounts: Annotated[Path, typer.Option(help="CSV file of accounts; columns are in docs/territory.md.")],
    reps: Annotated[Path, typer.Option(help="CSV file of reps.")],
    rules: Annotated[Path | None, typer.Option(help="CSV file of rules.")] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Such as workload=1,potential=1,travel=2,continuity=1,contiguity=0,tolerance=0.05."),
    ] = None,
    name: Annotated[str, typer.Option(help="What is planned; plans of one name are its scenarios.")] = "territories",
    seconds: Seconds = 60.0,
    rounds: Rounds = None,
    no_clock: Annotated[bool, typer.Option("--no-clock", help="Let --rounds alone end the search.")] = False,
    gap: Gap = 1e-4,
    seed: Seed = 1,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Plan without accounts that nobody may have, instead of refusing.")
    ] = False,
    out: Out = None,
    store: Store = False,
    csv: Csv = None,
    chart: Chart = None,
    rows: Rows = 10,
) -> None:
    """Read, solve and judge; the result is a plan that `show` and the others read, with what is proven of it."""
    with support.plain_errors():
        from workers.territory_alignment.solving.aligning import align
        from workers.territory_alignment.solving.reading import read_organisation
        from workers.territory_alignment.solving.running import Limits

        limits = Limits(None if no_clock else seconds, rounds, gap, seed)
        weighed = support.weights(weights)
        reading = read_organisation(accounts, reps, rules, name=name)
        print_problems([problem.text for problem in reading.problems], kept_with="plan")
        with support.searching() as tell:
            plan = align(
                reading.organisation, weighed, limits, problems=reading.problems, leave_out=leave_out, tell=tell
            )
        file = support.keep(plan, out, store=store)
        support.show(plan, rows=rows, rep=None)
        support.export(plan, csv=csv, chart=chart)
        typer.echo(f"Plan {plan.version}, kept in {file}" + (" and in the database." if store else "."))


@app.command()
def adjust(
    version: Version = "latest",
    lock: Annotated[list[str] | None, typer.Option(help="ACCOUNT=REP that must be; can be repeated.")] = None,
    forbid: Annotated[list[str] | None, typer.Option(help="ACCOUNT=REP that must not be; can be repeated.")] = None,
    leaves: Annotated[list[str] | None, typer.Option(help="A rep who leaves; can be repeated.")] = None,
    joins: Annotated[Path | None, typer.Option(help="CSV file of reps who join.")] = None,
    published: Annotated[
        bool, typer.Option("--published", help="The plan is in force: its owners are today's.")
    ] = False,
    stay: Annotated[
        float, typer.Option(min=0.0, help="Points for each percent of accounts that moves against the plan.")
    ] = 5.0,
    seconds: Seconds = 5.0,
    rounds: Rounds = None,
    gap: Gap = 1e-4,
    seed: Seed = 1,
    out: Out = None,
    store: Store = False,
    csv: Csv = None,
    chart: Chart = None,
    rows: Rows = 20,
) -> None:
    """Plan anew around locks, or when a rep leaves or joins, beginning with a plan and staying near it."""
    with support.plain_errors():
        from workers.territory_alignment.solving import adjusting, comparing
        from workers.territory_alignment.solving.reading import read_reps
        from workers.territory_alignment.solving.running import Limits

        before = support.find(version)
        team, problems = ((), ()) if joins is None else read_reps(joins)
        print_problems([problem.text for problem in problems], kept_with="plan")
        change = adjusting.Change(
            dict(support.pairs(lock)), frozenset(support.pairs(forbid)), frozenset(leaves or []), team, published, stay
        )
        with support.searching() as tell:
            plan = adjusting.adjust(before, change, Limits(seconds, rounds, gap, seed), tell=tell)
        file = support.keep(plan, out, store=store)
        support.print_compared(comparing.compare([before, plan]), "Before and after")
        _print_differences(before.version, comparing.differences(before, plan), rows)
        support.export(before, csv=None, chart=chart, others=[plan])
        support.export(plan, csv=csv, chart=None)
        typer.echo(
            f"{plan.card['proven']}\nPlan {plan.version}, kept in {file}" + (" and in the database." if store else ".")
        )


@app.command()
def show(
    version: Version = "latest",
    rep: Annotated[list[str] | None, typer.Option(help="Only this one's accounts; can be repeated.")] = None,
    csv: Csv = None,
    chart: Chart = None,
    rows: Rows = 20,
) -> None:
    """Show a plan: figures, what is proven, reps; or the accounts of some reps, with why they move."""
    with support.plain_errors():
        plan = support.find(version)
        support.show(plan, rows=rows, rep=rep)
        support.export(plan, csv=csv, chart=chart)


@app.command()
def compare(
    plans: Annotated[list[str], typer.Argument(help="Versions or .territories files.")],
    chart: Chart = None,
    rows: Rows = 20,
) -> None:
    """Show scenarios side by side, and which accounts differ between the first and the last."""
    with support.plain_errors():
        from workers.territory_alignment.solving import comparing

        found = [support.find(version) for version in plans]
        support.print_compared(comparing.compare(found), "Scenarios")
        if len(found) > 1:
            _print_differences(found[0].version, comparing.differences(found[0], found[-1]), rows)
        support.export(found[0], csv=None, chart=chart, others=found[1:])


@app.command("list")
def list_() -> None:
    """List the plans kept here and in the database."""
    with support.plain_errors():
        found = support.versions()
    if found:
        print_table("Plans", ["version", "made", "score", "gap", "where"], found)
    else:
        typer.echo("There is no plan yet; make one with `fairlead territory solve`.")


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="Write accounts.csv, reps.csv and rules.csv there.")],
    reps: Annotated[int, typer.Option(min=1)] = 50,
    accounts: Annotated[int, typer.Option(min=1)] = 1_000,
    seed: Annotated[int, typer.Option()] = 1,
) -> None:
    """Write a made-up organisation; its assumptions are in docs/territory.md."""
    with support.plain_errors():
        from workers.territory_alignment.solving.frames import write_files
        from workers.territory_alignment.solving.sample import sample_organisation

        write_files(sample_organisation(reps, accounts, seed), folder)
    typer.echo(f"{reps} reps and {accounts:,} accounts are in {folder}.")


@app.command("solve-gap")
def solve_gap(
    file: Annotated[
        Path, typer.Argument(help="Instances of the generalised assignment problem, as the OR-Library has them.")
    ],
    maximise: Annotated[bool, typer.Option("--maximise", help="Figures are profits, as in gap1 to gap12.")] = False,
    seconds: Seconds = 60.0,
    gap: Gap = 0.0,
    seed: Seed = 1,
) -> None:
    """Solve published instances: cost, proven bound and time of each."""
    with support.plain_errors():
        from workers.territory_alignment.solving.gap import read_gap, solve_instance
        from workers.territory_alignment.solving.running import Limits

        rows = []
        for number, instance in enumerate(read_gap(file, maximise=maximise), start=1):
            with support.searching() as tell:
                found = solve_instance(instance, Limits(seconds, None, gap, seed), tell=tell)
            rows.append(
                [
                    str(number),
                    f"{found.cost:,.0f}",
                    f"{found.bound:,.2f}",
                    support.shown("gap", found.gap),
                    f"{found.seconds:.1f}",
                ]
            )
    print_table(
        f"{file.name}, {'profit' if maximise else 'cost'}", ["instance", "found", "bound", "gap", "seconds"], rows
    )


def _print_differences(version: str, table: pd.DataFrame, rows: int) -> None:
    more = f", {len(table) - rows:,} more with --rows" if len(table) > rows else ""
    body = [[one["account"], one["from_rep"], one["to_rep"], f"{one['workload']:,.1f}", f"{one['potential']:,.0f}", one["why"]] for one in table.head(rows).to_dict("records")]  # fmt: skip
    print_table(
        f"{len(table):,} accounts differ from {version}{more}",
        ["account", "from", "to", "hours", "potential", "why"],
        body,
    )
