"""Arrays to the frames of a finished forecast (columns in docs/adr/0010-forecasting.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from workers.forecast_review.forecasting import metrics, months
from workers.forecast_review.forecasting.fitting import Base, Known, sum_up
from workers.forecast_review.forecasting.hierarchy import Hierarchy
from workers.forecast_review.forecasting.history import Floats, History, Problem
from workers.forecast_review.forecasting.intervals import LEVELS
from workers.forecast_review.forecasting.models import GATE, LEAST
from workers.forecast_review.forecasting.publishing import Published

PUBLISHED = "published"


def points(base: Base, published: Published) -> pd.DataFrame:
    """What is published, a row a node and month."""
    at = len(base.origins) - 1
    return pd.DataFrame(
        {
            **_index(base, at),
            "value": published.value.ravel(),
            **_bounds(published),
            "base": published.base.ravel(),
            "naive": np.nan_to_num(base.forecasts[at, :, base.model(GATE)]).ravel(),
        }
    )


def choices(base: Base, published: Published) -> pd.DataFrame:
    """Champions, a row a node."""
    rows = [vars(choice) for choice in published.choices]
    return pd.DataFrame({"segment": base.hierarchy.nodes, "level": base.hierarchy.levels}).join(pd.DataFrame(rows))


def backtests(base: Base, published: Mapping[int, Published]) -> pd.DataFrame:
    """What would have been published at earlier origins beside each model and what came."""
    parts = []
    for at, one in published.items():
        if at == len(base.origins) - 1:
            continue
        by_model = {name: base.forecasts[at, :, m].ravel() for m, name in enumerate(base.models)}
        index = _index(base, at)
        parts.append(
            pd.DataFrame(
                {
                    "segment": index["segment"],
                    "level": index["level"],
                    "origin": months.first_day(base.origins[at]),
                    "month": index["month"],
                    "step": index["step"],
                    "actual": base.actuals[at].ravel(),
                    PUBLISHED: one.value.ravel(),
                    **_bounds(one),
                    **by_model,
                    "champion": np.repeat([choice.champion for choice in one.choices], base.horizon),
                    "champion_mase": np.repeat([choice.mase for choice in one.choices], base.horizon),
                    "months_known": np.repeat(base.length[at], base.horizon),
                    "scale": np.repeat(base.scale[at], base.horizon),
                }
            )
        )
    if parts:
        return pd.concat(parts, ignore_index=True)
    columns = ["segment", "level", "origin", "month", "step", "actual", PUBLISHED, *_bounds_names(), *base.models]
    return pd.DataFrame(columns=[*columns, "champion", "champion_mase", "months_known", "scale"])


def accuracy(base: Base, published: Mapping[int, Published]) -> pd.DataFrame:
    """Mean over bottom segments and origins of each model's error and of the pipeline's (row `published`).

    A segment counts at an origin if it had two years of history there and every model has a forecast, so that all rows
    are means over the same cases.
    """
    cases: list[tuple[int, int]] = []
    for at in published:
        whole = np.isfinite(base.forecasts[at]).all(axis=(1, 2)) & np.isfinite(base.scale[at])
        fair = whole & (base.length[at] >= LEAST) & np.isfinite(base.actuals[at]).any(axis=1)
        cases += [(at, n) for n in range(base.hierarchy.sums, len(base.hierarchy.nodes)) if fair[n]]
    rows = []
    for name in (PUBLISHED, *base.models):
        measured = [_measure(base, published[at], at, n, name) for at, n in cases]
        means = pd.DataFrame(measured, columns=range(6), dtype=np.float64).mean()
        rows.append([name, *means, len({n for _, n in cases}), len({at for at, _ in cases})])
    columns = ["model", "smape", "mase", "wape", "bias", *(f"cover{level}" for level in LEVELS), "series", "origins"]
    return pd.DataFrame(rows, columns=columns)


def _measure(base: Base, published: Published, at: int, n: int, name: str) -> list[float]:
    actual = base.actuals[at, n]
    found = published.value[n] if name == PUBLISHED else base.forecasts[at, n, base.model(name)]
    cover = [float("nan")] * len(LEVELS)
    if name == PUBLISHED and np.isfinite(published.half[:, n]).all():
        cover = [metrics.coverage(actual, found - half, found + half) for half in published.half[:, n]]
    return [
        metrics.smape(actual, found),
        metrics.mase(actual, found, float(base.scale[at, n])),
        metrics.wape(actual, found),
        metrics.bias(actual, found),
        *cover,
    ]


def history(hierarchy: Hierarchy, raw: History, repaired: History) -> pd.DataFrame:
    """What came until now, repaired, with the raw value beside it, for all nodes."""
    filled = sum_up(hierarchy, _known(repaired))
    before = sum_up(hierarchy, _known(raw))
    parts = []
    for node, level in zip(hierarchy.nodes, hierarchy.levels, strict=True):
        after, was = filled[node], before[node]
        if after is None or was is None:
            continue
        days = pd.to_datetime([months.first_day(after.start + i) for i in range(len(after.values))])
        parts.append(
            pd.DataFrame({"segment": node, "level": level, "month": days, "value": after.values, "raw": was.values})
        )
    return pd.concat(parts, ignore_index=True)


def failed(base: Base, at: int) -> Iterator[Problem]:
    """Models that could not be fitted on a node with history enough."""
    for n, node in enumerate(base.hierarchy.nodes):
        if base.length[at, n] < LEAST:
            continue
        for m, name in enumerate(base.models):
            if not np.isfinite(base.forecasts[at, n, m]).all():
                text = f"{node}: {name} could not be fitted or gave absurd values; it did not compete here"
                yield Problem(node, "model_failed", text, node)


def _known(history: History) -> dict[str, Known | None]:
    end = history.end
    return {
        name: Known(one.start, np.concatenate([one.values, np.full(end - one.end, np.nan)]))
        for name, one in history.series.items()
    }


def _index(base: Base, at: int) -> dict[str, object]:
    steps = np.tile(np.arange(1, base.horizon + 1), len(base.hierarchy.nodes))
    days = np.array(
        [months.first_day(base.origins[at] + s) for s in range(1, base.horizon + 1)], dtype="datetime64[ns]"
    )
    return {
        "segment": np.repeat(base.hierarchy.nodes, base.horizon),
        "level": np.repeat(base.hierarchy.levels, base.horizon),
        "month": np.tile(days, len(base.hierarchy.nodes)),
        "step": steps,
    }


def _bounds_names() -> list[str]:
    return [f"{side}{level}" for level in LEVELS for side in ("lo", "hi")]


def _bounds(published: Published) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    floor = 0.0 if (published.base >= 0).all() else -np.inf
    for q, level in enumerate(LEVELS):
        found[f"lo{level}"] = np.maximum(published.value - published.half[q], floor).ravel()
        found[f"hi{level}"] = (published.value + published.half[q]).ravel()
    return found
