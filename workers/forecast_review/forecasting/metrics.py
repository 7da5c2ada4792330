"""Measures of a forecast. Arrays of equal shape; NaN in an actual means not known, and does not count."""

from __future__ import annotations

import warnings

import numpy as np

from workers.forecast_review.forecasting.history import Floats
from workers.forecast_review.forecasting.months import YEAR


def seasonal_scale(values: Floats) -> float:
    """Mean absolute difference to the same month a year before: MASE's denominator (Hyndman & Koehler 2006).

    NaN where there is no such difference, or where all are zero.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no year of history: NaN
        found = float(np.nanmean(np.abs(values[YEAR:] - values[:-YEAR]))) if len(values) > YEAR else float("nan")
    return found if found > 0 else float("nan")


def smape(actual: Floats, forecast: Floats) -> float:
    """Symmetric mean absolute percentage error in percent, 0 to 200 (Makridakis 1993, as in M4); 0/0 counts as 0."""
    size = np.abs(actual) + np.abs(forecast)
    ratio = np.where(size > 0, np.abs(actual - forecast) / np.where(size > 0, size, 1.0), 0.0)
    return float(200 * np.nanmean(np.where(np.isnan(actual), np.nan, ratio)))


def mase(actual: Floats, forecast: Floats, scale: float) -> float:
    """Mean absolute scaled error; `scale` by `seasonal_scale` of the history that the forecast was made from."""
    return float(np.nanmean(np.abs(actual - forecast)) / scale)


def wape(actual: Floats, forecast: Floats) -> float:
    """Sum of absolute errors in percent of the sum of absolute actuals; NaN if all actuals are zero."""
    known = np.isfinite(actual)
    total = float(np.abs(actual[known]).sum())
    return float(100 * np.abs(actual - forecast)[known].sum() / total) if total > 0 else float("nan")


def bias(actual: Floats, forecast: Floats) -> float:
    """Sum of forecast minus actual in percent of the sum of absolute actuals: positive means forecast too high."""
    known = np.isfinite(actual)
    total = float(np.abs(actual[known]).sum())
    return float(100 * (forecast - actual)[known].sum() / total) if total > 0 else float("nan")


def coverage(actual: Floats, low: Floats, high: Floats) -> float:
    """Share of the actuals within the interval, its ends included, in percent."""
    known = np.isfinite(actual)
    return float(100 * ((low <= actual) & (actual <= high))[known].mean()) if known.any() else float("nan")


def value_added(naive_error: float, error: float) -> float:
    """Forecast value added: how much smaller an error is than that of the step before it (Gilliland 2010), same unit."""
    return naive_error - error
