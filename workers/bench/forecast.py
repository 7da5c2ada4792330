"""`fairlead bench forecast`: the whole pipeline against Prophet alone, series by series: time, memory and accuracy."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import psutil

from workers.bench.forecast_faults import with_faults
from workers.forecast_review.forecasting import metrics, months
from workers.forecast_review.forecasting.fitting import Tell, workers
from workers.forecast_review.forecasting.forecast import Forecast
from workers.forecast_review.forecasting.history import Floats, History, Series
from workers.forecast_review.forecasting.models import LEAST
from workers.forecast_review.forecasting.plan import Plan
from workers.forecast_review.forecasting.prophet_model import load_prophet
from workers.forecast_review.forecasting.running import run_forecast

_EVERY = 0.25


@dataclass
class Cost:
    """What a side used. Memory adds up what every process has resident, so shared pages count more than once."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mib: float = 0.0


@dataclass(frozen=True)
class Side:
    """One side of the comparison: mean errors over series and origins."""

    name: str
    cost: Cost
    smape: float
    mase: float
    wape: float


@dataclass(frozen=True)
class Report:
    """What one run of the benchmark found."""

    sides: tuple[Side, Side]
    forecast: Forecast
    """Our run."""


def bench(history: History, plan: Plan, *, tell: Tell) -> Report:
    """Measure both sides one after the other, with as many processes each."""
    with metered() as ours:
        forecast = run_forecast(history, plan, tell=tell)
    row = forecast.accuracy.iloc[0]
    mine = Side("Fairlead, whole run with backtests", ours, float(row["smape"]), float(row["mase"]), float(row["wape"]))
    with metered() as theirs:
        errors = prophet_alone(history, plan, tell)
    alone = Side("Prophet alone, defaults", theirs, *(float(mean) for mean in errors.mean(axis=0)))
    return Report((mine, alone), forecast)


def faults(history: History, plan: Plan, rate: float, clean: Forecast, *, tell: Tell) -> pd.DataFrame:
    """What faults cost, and what cleaning gives back.

    Args:
        history: without faults; what came is always read from here.
        plan: of all runs.
        rate: share of the months that are spoilt.
        clean: the run on `history`.
        tell: called as work proceeds.

    Returns:
        MASE by model on clean data, on faulty data as delivered, and on the same repaired by rule.
    """
    dirty = with_faults(history, rate, seed=plan.seed)
    found = {
        "clean": clean,
        "faulty": run_forecast(dirty, replace(plan, clean=False), truth=history, tell=tell),
        "repaired": run_forecast(dirty, plan, truth=history, tell=tell),
    }
    table = pd.DataFrame({name: one.accuracy.set_index("model")["mase"] for name, one in found.items()})
    table["gain %"] = 100 * (1 - table["repaired"] / table["faulty"])
    return table


def prophet_alone(history: History, plan: Plan, tell: Tell) -> Floats:
    """What a team would do by default: Prophet on each bottom series and origin, its own intervals too.

    Returns:
        cases x (sMAPE, MASE, WAPE); a case is a series at an origin where two years were known.
    """
    origins = plan.months_of_origins(history)[:-1][-plan.origins :]
    series = [history.series[name] for name in sorted(history.series)]
    found: list[list[float]] = []
    with workers(plan.processes) as run:
        work = partial(_one_series, origins=origins, horizon=plan.horizon)
        for done, cases in enumerate(run(work, series), start=1):
            found += cases
            tell(done, len(series), "Prophet alone")
    return np.array(found) if found else np.full((1, 3), np.nan)


def _one_series(series: Series, *, origins: Sequence[int], horizon: int) -> list[list[float]]:
    prophet = load_prophet()
    found = []
    # And one more fit for the forecast of today, as our run makes one; there is nothing yet to hold it against.
    for origin in [*origins, series.end]:
        known = series.until(origin).values
        if np.isfinite(known).sum() < LEAST:
            continue
        days = [months.first_day(series.start + i) for i in range(len(known) + horizon)]
        model = prophet()
        model.fit(pd.DataFrame({"ds": days[: len(known)], "y": known}), seed=1)
        forecast: Floats = model.predict(pd.DataFrame({"ds": days[len(known) :]}))["yhat"].to_numpy()
        actual = series.values[len(known) : len(known) + horizon]
        if len(actual) == horizon and np.isfinite(actual).any():
            scale = metrics.seasonal_scale(known)
            found.append(
                [metrics.smape(actual, forecast), metrics.mase(actual, forecast, scale), metrics.wape(actual, forecast)]
            )
    return [case for case in found if np.isfinite(case).all()]


@contextmanager
def metered() -> Iterator[Cost]:
    """Time, processor time and peak memory of what runs inside, its processes included."""
    cost, stop = Cost(), threading.Event()
    watch = threading.Thread(target=_watch, args=(cost, stop.wait), daemon=True)
    started, used = time.perf_counter(), _cpu()
    watch.start()
    try:
        yield cost
    finally:
        stop.set()
        watch.join()
        cost.seconds, cost.cpu_seconds = time.perf_counter() - started, _cpu() - used


def _watch(cost: Cost, wait: Callable[[float], bool]) -> None:
    me = psutil.Process()
    while True:
        total = 0
        for process in (me, *me.children(recursive=True)):
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        cost.peak_mib = max(cost.peak_mib, total / 2**20)
        if wait(_EVERY):
            return


def _cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
