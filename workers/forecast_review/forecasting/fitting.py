"""Base forecasts: every node x origin x model, from what was known at the origin and nothing later.

The origins are months: forecasts made at the end of an origin are for the months after it. History is cut at the origin
first; only then is it checked, repaired, summed up over the hierarchy and given to a model.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.forecast_review.forecasting.checks import Thresholds, fill
from workers.forecast_review.forecasting.hierarchy import Hierarchy
from workers.forecast_review.forecasting.history import Floats, History, Series
from workers.forecast_review.forecasting.metrics import seasonal_scale
from workers.forecast_review.forecasting.models import LSTM, SINGLE, Fits, combine
from workers.forecast_review.forecasting.months import YEAR
from workers.forecast_review.forecasting.repairs import clean

Tell = Callable[[int, int, str], None]
"""(done, total, name): what is being worked on."""
Run = Callable[..., Iterator[Any]]  # Any: whatever the function given gives, as with `map`


@dataclass(frozen=True)
class Known:
    """What one node's models may learn from at one origin: without gaps, ending at the origin."""

    start: int
    values: Floats


@dataclass(frozen=True)
class Base:
    """All base forecasts of a run. The last origin is the end of the history: its forecasts are the ones to publish."""

    hierarchy: Hierarchy
    origins: tuple[int, ...]
    models: tuple[str, ...]
    forecasts: Floats
    """origins x nodes x models x horizon; NaN where a model could not be fitted."""
    actuals: Floats
    """origins x nodes x horizon, never repaired; NaN where not known (all of the last origin). Judges what was published."""
    seen: Floats
    """origins x origins x nodes x horizon: `seen[at, o]` is what came after the origin in place `o` as it is known, repaired,
    at the one in place `at`; NaN where it is not. The only thing that may be learned from there."""
    scale: Floats
    """origins x nodes: mean absolute seasonal difference of all that was known, as delivered (MASE's denominator)."""
    recent: Floats
    """The same over the last five years of what the models saw: how wide errors are at today's level."""
    length: NDArray[np.int64]
    """origins x nodes: months known."""

    @property
    def horizon(self) -> int:
        """Months ahead."""
        return int(self.forecasts.shape[-1])

    def model(self, name: str) -> int:
        """A model's place."""
        return self.models.index(name)


@contextmanager
def workers(processes: int) -> Iterator[Run]:
    """A parallel `map` that keeps the order; with one process it is the plain one."""
    if processes == 1:
        yield map
        return
    # Fresh interpreters: a fork of a process with threads can hang.
    with _one_thread_each(), ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield partial(pool.map, chunksize=1)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """For the processes that begin in here: they are the parallelism. The libraries ask when they are loaded, so that a
    process cannot settle it for itself any more when it has begun.
    """
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def known_at(series: Series, origins: Sequence[int], thresholds: Thresholds | None) -> list[Known | None]:
    """A bottom series as it was known at each origin: repaired, or with `thresholds` None only its gaps filled."""
    found: list[Known | None] = []
    for origin in origins:
        part = series.until(origin)
        if not np.isfinite(part.values).any():
            found.append(None)
        elif thresholds is None:
            late = np.full(max(0, origin - part.end), np.nan)
            values = np.concatenate([part.values, late])
            spots = np.arange(len(values))
            ok = np.isfinite(values)
            found.append(Known(part.start, np.interp(spots, spots[ok], values[ok])))
        else:
            values_or_none = clean(part, origin, thresholds)
            found.append(None if values_or_none is None else Known(part.start, fill(values_or_none)))
    return found


def sum_up(hierarchy: Hierarchy, bottom: Mapping[str, Known | None]) -> dict[str, Known | None]:
    """All nodes of one origin; a sum starts with its oldest part, where the younger ones count as nothing yet."""
    there = {name: known for name, known in bottom.items() if known is not None}
    found: dict[str, Known | None] = {}
    for place, node in enumerate(hierarchy.nodes):
        parts = [there[name] for name in hierarchy.members(place) if name in there]
        if not parts:
            found[node] = None
            continue
        start = min(part.start for part in parts)
        total = np.zeros(max(len(part.values) + part.start - start for part in parts))
        for part in parts:
            total[part.start - start :] += part.values
        found[node] = Known(start, total)
    return found


def fit_node(models: Sequence[str], horizon: int, known: Sequence[Known | None]) -> Floats:
    """One node's base forecasts by single models: origins x models x horizon; other rows are NaN."""
    found = np.full((len(known), len(models), horizon), np.nan)
    fits = Fits([name for name in models if name in SINGLE], horizon)
    for o, part in enumerate(known):
        if part is None:
            continue
        for name, forecast in fits.at(part.values, part.start, left=len(known) - 1 - o).items():
            found[o, models.index(name)] = forecast
    return found


def fit_all(
    history: History,
    hierarchy: Hierarchy,
    origins: Sequence[int],
    models: Sequence[str],
    horizon: int,
    *,
    thresholds: Thresholds | None,
    processes: int,
    seed: int,
    truth: History,
    tell: Tell,
) -> Base:
    """Base forecasts of all nodes. `thresholds` None leaves the data as they are; actuals come from `truth`."""
    bottom, nodes = hierarchy.bottom, hierarchy.nodes
    with workers(processes) as run:
        cleaned = []
        prepare = partial(known_at, origins=origins, thresholds=thresholds)
        for i, one in enumerate(run(prepare, [history.series[name] for name in bottom]), start=1):
            cleaned.append(one)
            tell(i, len(bottom), "checking and repairing")
        by_origin = [
            sum_up(hierarchy, {name: cleaned[j][o] for j, name in enumerate(bottom)}) for o in range(len(origins))
        ]
        by_node = [[at[node] for at in by_origin] for node in nodes]
        forecasts = np.empty((len(origins), len(nodes), len(models), horizon))
        for i, found in enumerate(run(partial(fit_node, models, horizon), by_node)):
            forecasts[:, i] = found
            tell(i + 1, len(nodes), "fitting the models")
    if LSTM in models:
        from workers.forecast_review.forecasting.lstm import fit_lstm  # noqa: PLC0415 - an extra of its own

        for o, at in enumerate(by_origin):
            tell(o, len(origins), "training the LSTM")
            forecasts[o, :, models.index(LSTM)] = fit_lstm([at[node] for node in nodes], horizon, seed=seed)
    for m, name in enumerate(models):
        if name not in (*SINGLE, LSTM):
            forecasts[:, :, m] = combine({part: forecasts[:, :, p] for p, part in enumerate(models)}, name)
    came = partial(_came, hierarchy, origins, horizon)
    places = range(len(origins))
    none = {name: Known(history.series[name].start, np.empty(0)) for name in bottom}
    untouched = {name: known_at(truth.series[name], origins, None) for name in bottom}
    as_delivered = [sum_up(hierarchy, {name: untouched[name][o] for name in bottom}) for o in range(len(origins))]
    return Base(
        hierarchy,
        tuple(origins),
        tuple(models),
        forecasts,
        came([Known(truth.series[name].start, truth.series[name].values) for name in bottom]),
        np.stack([came([one[o] or none[name] for one, name in zip(cleaned, bottom, strict=True)]) for o in places]),
        np.array([[_scale(at[node]) for node in nodes] for at in as_delivered]),
        np.array([[_scale(at[node], years=5) for node in nodes] for at in by_origin]),
        np.array([[0 if (known := at[node]) is None else len(known.values) for node in nodes] for at in by_origin]),
    )


def _came(hierarchy: Hierarchy, origins: Sequence[int], horizon: int, bottom: Sequence[Known]) -> Floats:
    """What came after each origin, per node; a sum is known where all of its parts are that had begun."""
    found = np.full((len(origins), len(bottom), horizon), np.nan)
    for j, one in enumerate(bottom):
        for o, origin in enumerate(origins):
            for step in range(horizon):
                place = origin + 1 + step - one.start
                if place < 0:
                    found[o, j, step] = 0.0
                elif place < len(one.values):
                    found[o, j, step] = one.values[place]
    summed = np.stack([hierarchy.summing @ at for at in np.nan_to_num(found)])
    unknown = np.stack([hierarchy.summing @ at for at in np.isnan(found).astype(np.float64)]) > 0
    return np.where(unknown, np.nan, summed)


def _scale(known: Known | None, years: int | None = None) -> float:
    if known is None:
        return float("nan")
    return seasonal_scale(known.values if years is None else known.values[-(years + 1) * YEAR :])
