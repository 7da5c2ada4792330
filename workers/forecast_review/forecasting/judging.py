"""A published forecast held against what came: each step's error, and what each step added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workers.forecast_review.forecasting import metrics, months
from workers.forecast_review.forecasting.forecast import Forecast
from workers.forecast_review.forecasting.history import Floats

Cells = Mapping[tuple[str, str], float]
"""(segment, month as ``2018-12``) → value."""
STEPS = ("naive", "model", "reconciled")
"""What every forecast has; layers of people follow."""


@dataclass(frozen=True)
class Judged:
    """One segment and step. Errors in percent but MASE; None where they are not defined."""

    segment: str
    step: str
    months: int
    wape: float | None
    mase: float | None
    bias: float | None
    value_added: float | None
    """Points of WAPE better than the step before; None for the first."""
    cover80: float | None = None
    cover95: float | None = None
    """Of the published intervals; with the step `reconciled` only, which they belong to."""


def judge(forecast: Forecast, actuals: Cells, layers: Mapping[str, Cells] | None = None) -> list[Judged]:
    """Judge each segment that has actuals, step by step: naive → model → reconciled → the layers in their order.

    A layer holds only the cells that were changed; elsewhere the step before goes on.
    """
    scales = _scales(forecast)
    found = []
    for name, part in forecast.points.groupby("segment", sort=False):
        keys = [(str(name), months.text(months.of_date(day.date()))) for day in part["month"]]
        actual = np.array([actuals.get(key, np.nan) for key in keys])
        if not np.isfinite(actual).any():
            continue
        steps: dict[str, Floats] = {
            "naive": part["naive"].to_numpy(float),
            "model": part["base"].to_numpy(float),
            "reconciled": part["value"].to_numpy(float),
        }
        current = steps["reconciled"]
        for layer, cells in (layers or {}).items():
            current = np.array([cells.get(key, value) for key, value in zip(keys, current, strict=True)])
            steps[layer] = current
        before: float | None = None
        for step, values in steps.items():
            wape = _number(metrics.wape(actual, values))
            added = metrics.value_added(before, wape) if before is not None and wape is not None else None
            covers = _covers(actual, part) if step == "reconciled" else {}
            found.append(
                Judged(
                    segment=str(name),
                    step=step,
                    months=int(np.isfinite(actual).sum()),
                    wape=wape,
                    mase=_number(metrics.mase(actual, values, scales.get(str(name), float("nan")))),
                    bias=_number(metrics.bias(actual, values)),
                    value_added=added,
                    **covers,
                )
            )
            before = wape
    return found


def _covers(actual: Floats, part: pd.DataFrame) -> dict[str, float | None]:
    if part["lo80"].isna().any():
        return {}
    return {
        f"cover{level}": _number(
            metrics.coverage(actual, part[f"lo{level}"].to_numpy(float), part[f"hi{level}"].to_numpy(float))
        )
        for level in (80, 95)
    }


def _scales(forecast: Forecast) -> dict[str, float]:
    return {
        str(name): metrics.seasonal_scale(part["value"].to_numpy(float))
        for name, part in forecast.history.groupby("segment", sort=False)
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
