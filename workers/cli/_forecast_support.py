"""What the commands of `fairlead forecast` share: reading, keeping and finding versions, tables and files."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from workers.cli._support import database, plainly, print_table
from workers.cli._versions import LATEST, Shelf, print_problems
from workers.spreadsheets import write_frame

if TYPE_CHECKING:
    import pandas as pd
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

    from workers.forecast_review.forecasting.forecast import Forecast
    from workers.forecast_review.forecasting.history import History
    from workers.forecast_review.forecasting.plan import Plan
    from workers.forecast_review.forecasting.reading import Reading

SHELF = Shelf("forecasts", ".forecast")


@contextmanager
def plain_errors() -> Iterator[None]:
    """See `_support.plainly`."""
    from workers.forecast_review.forecasting.errors import ForecastError

    with plainly(ForecastError, extra="forecasting", offline=f"name a {SHELF.ending} file"):
        yield


def read(data: str, layout: str | None, hierarchy: str | None) -> Reading:
    """Read a file by a layout, or by one that is inferred. Raises ForecastError."""
    from workers.forecast_review.forecasting.errors import LayoutError
    from workers.forecast_review.forecasting.inferring import infer_layout
    from workers.forecast_review.forecasting.layout import load_layout
    from workers.forecast_review.forecasting.reading import read_history

    if (layout is None) == (hierarchy is None):
        raise LayoutError("say how the file is laid out: either --layout, or --hierarchy with its segment columns")
    columns = [name.strip() for name in (hierarchy or "").split(",")]
    declared = load_layout(layout) if layout is not None else infer_layout(data, columns)
    return read_history(data, declared, today=dt.datetime.now(dt.UTC).date())


def print_left_out(reading: Reading) -> None:
    """What of the input is not forecast: file, row, why, and the rule's name."""
    print_problems([f"{problem.text} ({problem.rule})" for problem in reading.problems])


def sample(history: History, count: int | None, seed: int) -> History:
    """All series, or so many drawn by a seed."""
    if count is None or count >= len(history.series):
        return history
    chosen = random.Random(seed).sample(sorted(history.series), count)  # noqa: S311 - a draw, no secret
    return replace(history, series={name: history.series[name] for name in chosen})


def plan(
    *, horizon: int, models: str | None, lstm: bool, origins: int, seed: int, processes: int | None, clean: bool = True
) -> Plan:
    """The plan that the options ask for. Raises PlanError."""
    from workers.forecast_review.forecasting.models import LSTM, SINGLE
    from workers.forecast_review.forecasting.plan import Plan

    chosen = tuple(name.strip() for name in models.split(",")) if models else SINGLE
    asked = Plan(horizon=horizon, models=(*chosen, *((LSTM,) if lstm else ())), origins=origins, seed=seed, clean=clean)
    return asked if processes is None else Plan(**{**vars(asked), "processes": processes})


def keep(forecast: Forecast, out: Path | None, *, store: bool) -> Path:
    """Write a version to a folder, and to the database if asked; the file's path."""
    file = SHELF.keep(forecast, out)
    if store:
        from workers.forecast_review.forecasting.store import save

        async def insert(conn: AsyncConnection[DictRow]) -> None:
            await save(conn, forecast)

        database(insert)
    return file


def find(version: str) -> Forecast:
    """A version by file, from the folder, or else from the database. Raises NoForecastError."""
    from workers.forecast_review.forecasting.errors import NoForecastError
    from workers.forecast_review.forecasting.forecast import Forecast
    from workers.forecast_review.forecasting.store import load

    content = SHELF.find(version)
    if content is not None:
        return Forecast.from_bytes(content)
    if version == LATEST:
        raise NoForecastError("there is no forecast here yet; make one with `fairlead forecast run`")
    return database(lambda conn: load(conn, version))


def versions() -> list[list[str]]:
    """Rows of version, when made, series and where it is kept, the newest first."""
    import psycopg

    from workers.forecast_review.forecasting.forecast import Forecast
    from workers.forecast_review.forecasting.store import list_runs

    found = []
    for file in SHELF.files():
        made = dt.datetime.fromtimestamp(file.stat().st_mtime, dt.UTC)
        card = Forecast.from_bytes(file.read_bytes()).card
        found.append((made, [str(card["version"]), f"{made:%Y-%m-%d %H:%M}", str(card["series"]), str(file)]))
    try:
        stored = database(list_runs)
    except psycopg.OperationalError:
        typer.echo("The database can't be reached; versions kept in this folder:", err=True)
        stored = []
    found += [
        (run.made_at, [run.version, f"{run.made_at:%Y-%m-%d %H:%M}", str(run.card["series"]), "database"])
        for run in stored
    ]
    return [row for _, row in sorted(found, key=lambda item: item[0], reverse=True)]


def percent(value: float | None) -> str:
    """``+4.2 %``, or nothing."""
    return "" if value is None else f"{value:+.1%}"


def show(forecast: Forecast, *, rows: int, segments: Sequence[str] | None) -> None:
    """The segments of a version, or the months of some."""
    from workers.forecast_review.forecasting.errors import NoForecastError
    from workers.forecast_review.forecasting.facts import segment_facts

    unit = f" ({forecast.card['unit']})" if forecast.card["unit"] else ""
    if segments:
        for name in segments:
            part = forecast.points[forecast.points["segment"] == name]
            if part.empty:
                raise NoForecastError(f"{forecast.version} has no segment {name!r}")
            body = [
                [f"{row.month:%Y-%m}", f"{row.value:,.1f}", f"{row.lo80:,.1f} to {row.hi80:,.1f}", f"{row.lo95:,.1f} to {row.hi95:,.1f}"]
                for row in part.itertuples()
            ]  # fmt: skip
            print_table(f"{name}{unit}", ["month", "forecast", "80 %", "95 %"], body)
        return
    facts = segment_facts(forecast)
    body = [
        [one.segment, f"{one.total:,.1f}", percent(one.growth), "" if one.uncertainty is None else f"±{one.uncertainty:.1%}", one.champion, "" if one.mase is None else f"{one.mase:.2f}", str(one.findings or "")]
        for one in facts[:rows]
    ]  # fmt: skip
    more = f"; {len(facts) - rows} more with --rows or --csv" if len(facts) > rows else ""
    title = f"{forecast.version}: {forecast.card['plan']['horizon']} months after {forecast.end}{unit}{more}"
    print_table(title, ["segment", "sum", "year before", "80 %", "champion", "MASE", "findings"], body)


def print_accuracy(table: pd.DataFrame) -> None:
    """Errors of the pipeline and of each model alone, in the same run."""
    if not table["series"].max():
        typer.echo("No series has the history for a backtest: accuracy is not known.")
        return
    body = [
        [str(row["model"]), f"{row['smape']:.2f}", f"{row['mase']:.3f}", f"{row['wape']:.2f}", f"{row['bias']:+.2f}", *("" if isnan(row[key]) else f"{row[key]:.1f}" for key in ("cover80", "cover95"))]
        for row in table.to_dict("records")
    ]  # fmt: skip
    first = table.iloc[0]
    title = f"Mean of {first['series']} series at {first['origins']} rolling origins; nothing later was known"
    print_table(title, ["model", "sMAPE %", "MASE", "WAPE %", "bias %", "in 80 %", "in 95 %"], body)


def print_findings(forecast: Forecast, *, rows: int, segments: Sequence[str] | None, csv: Path | None) -> None:
    """What the checks found and what was left out, the worst first; as CSV too, all of it."""
    import pandas as pd

    found = forecast.report()
    if segments:
        found = found[found["series"].isin(segments)]
    if csv is not None:
        write_frame(csv, found)
        typer.echo(f"Written to {csv}.", err=True)
    if found.empty:
        typer.echo(f"{forecast.version}: nothing was found.")
        return
    body = [
        [row["severity"], row["rule"], "" if pd.isna(row["month"]) else f"{row['month']:%Y-%m}", row["text"], "" if isnan(row["repaired"]) else f"{row['repaired']:,.4g}"]
        for row in found.head(rows).to_dict("records")
    ]  # fmt: skip
    more = f"; {len(found) - rows:,} more with --rows or --csv" if len(found) > rows else ""
    head = ["severity", "rule", "month", "what", "repaired to"]
    print_table(f"{forecast.version}: {len(found):,} finding(s){more}", head, body)


def print_judged(forecast: Forecast, actuals: History, rows: int) -> None:
    """Each step against what came since. Raises DataError if nothing did."""
    from workers.forecast_review.forecasting import months
    from workers.forecast_review.forecasting.errors import DataError
    from workers.forecast_review.forecasting.judging import judge

    cells = {
        (name, months.text(one.start + i)): float(value)
        for name, one in actuals.series.items()
        for i, value in enumerate(one.values)
    }
    judged = judge(forecast, cells)
    if not judged:
        raise DataError(f"the actuals hold none of the segments and months that {forecast.version} forecasts")
    body = [
        [one.segment, one.step, str(one.months), *("" if value is None else f"{value:.2f}" for value in (one.wape, one.mase, one.bias, one.value_added))]
        for one in judged[: rows * 3]
    ]  # fmt: skip
    head = ["segment", "step", "months", "WAPE %", "MASE", "bias %", "value added"]
    print_table(f"{forecast.version} against what came", head, body)


def export(
    forecast: Forecast, *, csv: Path | None, parquet: Path | None, chart: Path | None, segments: Sequence[str] | None
) -> None:
    """Write the files that were asked for. Raises ForecastError."""
    from workers.forecast_review.forecasting import charts
    from workers.forecast_review.forecasting.errors import PlanError

    if csv is not None:
        write_frame(csv, forecast.points)
    if parquet is not None:
        forecast.points.to_parquet(parquet, index=False)
    if chart is not None:
        wanted = list(segments or forecast.points["segment"].unique()[:12])
        if chart.suffix == ".png":
            chart.write_bytes(charts.png(forecast, wanted[0]))
        elif chart.suffix == ".html":
            chart.write_text(charts.html(forecast, wanted), encoding="utf-8")
        else:
            raise PlanError(f"{chart} is neither .png nor .html")
    for file in (csv, parquet, chart):
        if file is not None:
            typer.echo(f"Written to {file}.", err=True)
