"""What is suspicious in a history, as data: series, month, rule, severity, proposed repair.

The expected value of a month comes from STL (Cleveland et al. 1990, by statsmodels, robust) of what is known, on the
log scale where all values are positive; a residual is unusual by its distance in robust standard deviations
(1.4826 x median absolute deviation, Hampel 1974).

What is out by a factor (a digit, a unit, a sign) takes no part in the first fit. It would draw the curve to itself or, where it
is negative, take away the log scale; near the end of a series it then passes, and the good months beside it are repaired in
its place (masking and swamping: Davies & Gather 1993). So it is found by medians before, half of whose months may be wrong.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from statsmodels.tsa.seasonal import STL

from workers.forecast_review.forecasting import months
from workers.forecast_review.forecasting.history import Floats, History, Mask, Series, Severity

_MAD = 1.4826
_FACTOR = 3.0
"""Times too large or too small from which a month takes no part in the first fit."""
_YEARS = 3
"""Years before and after whose like months tell the season that medians expect."""


@dataclass(frozen=True)
class Thresholds:
    """What a decision table sets; the defaults are those of `fairlead forecast run`."""

    outlier: float = 8.0
    """Robust standard deviations from the expected value."""
    outlier_share: float = 0.3
    """And at least this relative distance from it, so that a very regular series is left alone."""
    shift: float = 6.0
    """Jump between the medians of the years before and after, in robust standard deviations of the months."""
    shift_share: float = 0.25
    short: int = 3 * months.YEAR
    """Months below which a series is too short to compare models."""
    late: int = 1
    """Months without a value at the end, from which a series is late."""
    ended: int = months.YEAR
    """Months without a value at the end, from which a series is taken as ended and not forecast."""


DEFAULTS = Thresholds()


@dataclass(frozen=True)
class Finding:
    """One thing that somebody should know, or that `repairs.repair` can mend."""

    series: str
    month: int | None
    """Number of the month (`months.text` writes it); None: the series as a whole."""
    rule: str
    severity: Severity
    text: str
    value: float | None = None
    proposal: float | None = None
    """What the repair would put there; None: nothing to repair."""


def check(history: History, thresholds: Thresholds = DEFAULTS) -> list[Finding]:
    """All findings, in the order of the series' names."""
    end = history.end
    return [
        finding for name in sorted(history.series) for finding in check_series(history.series[name], end, thresholds)
    ]


def check_series(series: Series, end: int, thresholds: Thresholds = DEFAULTS) -> list[Finding]:
    """Findings of one series; `end` is the month at which the data end."""
    late = end - series.end
    if late >= thresholds.ended:
        text = f"{series.name} ended in {months.text(series.end)}, {late} months before the others; it is not forecast"
        # Told, and no error: it was late for a year.
        return [Finding(series.name, None, "ended", "warning", text)]
    found: list[Finding] = []
    if len(series.values) < thresholds.short:
        text = (
            f"{series.name} has {len(series.values)} months, fewer than {thresholds.short}; its forecast is a plain one"
        )
        found.append(Finding(series.name, None, "too_short", "warning", text))
    if not np.nansum(np.abs(series.values)):
        found.append(Finding(series.name, None, "all_zero", "warning", f"{series.name} is zero in every month"))
        return found
    values = np.concatenate([series.values, np.full(late, np.nan)])
    negative = _negative(values)
    expected = _expected(np.where(negative | _gross(values), np.nan, values))
    odd = negative | _outliers(values, expected, thresholds)
    if odd.any():
        # What is odd must not bend what is expected in its place.
        expected = _expected(np.where(odd, np.nan, values))
        odd = negative | _outliers(values, expected, thresholds)
    found += _shifts(series, values, expected, odd, thresholds)
    found += _single(series, values, expected, odd, late, thresholds)
    return found


def _single(
    series: Series, values: Floats, expected: Floats, odd: Mask, late: int, thresholds: Thresholds
) -> Iterator[Finding]:
    """Findings of single months."""
    negative = _negative(values)
    for i in np.flatnonzero(np.isnan(values) | odd):
        month, proposal = series.start + int(i), float(expected[i])
        text = f"{series.name}, {months.text(month)}: "
        if np.isnan(values[i]):
            rule, why = ("late_data", "not there yet") if i >= len(values) - late else ("gap", "no value")
            severity: Severity = "warning"
            if rule == "late_data" and late < thresholds.late:
                severity = "info"
            yield Finding(series.name, month, rule, severity, f"{text}{why}; about {proposal:,.4g}", None, proposal)
            continue
        value = float(values[i])
        rule = "negative" if negative[i] else "outlier"
        severity = "error" if negative[i] else "warning"
        yield Finding(
            series.name, month, rule, severity, f"{text}{value:,.4g} where {proposal:,.4g} is expected", value, proposal
        )


def _negative(values: Floats) -> Mask:
    """Where a value is negative in a series that otherwise is not (at most one month in twenty)."""
    below: Mask = values < 0
    return below if below.sum() * 20 <= np.isfinite(values).sum() else np.zeros_like(below)


def _gross(values: Floats) -> Mask:
    """Where a value is out by the factor from a running median of a year times the median season of the years around."""
    level = _running_median(values, months.YEAR // 2)
    if len(values) < _YEARS * months.YEAR or (level <= 0).any():
        return np.zeros(len(values), dtype=np.bool_)
    season = np.empty(len(values))
    for m in range(months.YEAR):
        season[m :: months.YEAR] = _running_median((values / level)[m :: months.YEAR], _YEARS)
    season = np.where(season > 0, season, 1.0)
    size = np.abs(values) / (_running_median(values / season, months.YEAR // 2) * season)
    out: Mask = (size > _FACTOR) | (size < 1 / _FACTOR)
    return out


def _running_median(values: Floats, reach: int) -> Floats:
    """Median of what is known at most `reach` places away; NaN where nothing is."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, reach, constant_values=np.nan), 2 * reach + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nothing known: NaN
        found: Floats = np.nanmedian(windows, axis=1)
    return found


def _outliers(values: Floats, expected: Floats, thresholds: Thresholds) -> Mask:
    known = np.isfinite(values)
    residual = np.abs(values - expected)
    # A spread that follows the level: a series that grew tenfold is not judged by its early years.
    level = np.maximum(np.abs(expected), np.nanmedian(np.abs(values)) * 0.05)
    relative = residual / np.where(level > 0, level, 1.0)
    spread = _MAD * np.median(relative[known])
    far: Mask = known & (relative > thresholds.outlier * spread) & (relative > thresholds.outlier_share)
    return far


def _shifts(series: Series, values: Floats, expected: Floats, odd: Mask, thresholds: Thresholds) -> Iterator[Finding]:
    """Where the level jumps and stays: medians of the years before and after, season taken out by comparing like months."""
    year = months.YEAR
    clean = np.where(odd | np.isnan(values), expected, values)
    if len(clean) < 4 * year or (clean <= 0).any():
        return
    growth = np.log(clean[year:] / clean[:-year])
    spread = _MAD * np.median(np.abs(growth - np.median(growth)))
    # Over a year after a jump, growth against the same month of the year before stands out, and only then.
    window = np.lib.stride_tricks.sliding_window_view(growth, year)
    middle = np.median(window, axis=1) - np.median(growth)
    limit = max(thresholds.shift * spread / np.sqrt(2), np.log1p(thresholds.shift_share))
    i = 0
    while i < len(middle):
        if abs(middle[i]) <= limit:
            i += 1
            continue
        peak = i + int(np.argmax(np.abs(middle[i : i + year])))
        month = series.start + year + peak
        text = f"{series.name}: the level changed by about {np.expm1(middle[peak]):+.0%} around {months.text(month)}"
        yield Finding(series.name, month, "level_shift", "info", text, float(np.expm1(middle[peak])))
        i = peak + year


def _expected(values: Floats) -> Floats:
    """What each month should hold by trend and season of the known months."""
    filled = fill(values)
    if len(filled) < 2 * months.YEAR + 1:
        known = np.isfinite(values)
        positions = np.arange(len(values))
        return np.interp(positions, positions[known], values[known])
    logs = bool((filled > 0).all())
    fitted = STL(np.log(filled) if logs else filled, period=months.YEAR, robust=True).fit(inner_iter=1, outer_iter=3)
    smooth: Floats = np.asarray(fitted.trend + fitted.seasonal)
    return np.exp(smooth) if logs else smooth


def fill(values: Floats) -> Floats:
    """Gaps filled by the same month of the years around, moved to the level there; by a straight line in short series."""
    known = np.isfinite(values)
    if known.all():
        return values
    positions = np.arange(len(values))
    line = np.interp(positions, positions[known], values[known])
    if known.sum() < 2 * months.YEAR:
        return line
    # Level: the mean of a year around, of the line through what is known; season: the typical distance from it.
    year = months.YEAR
    padded = np.pad(line, year // 2, mode="edge")
    level = np.convolve(padded, np.ones(year) / year, mode="valid")[: len(values)]
    multiplicative = bool((values[known] > 0).all())
    away = line / level if multiplicative else line - level
    season = np.array(
        [
            np.median(away[known & (positions % year == m)]) if (known & (positions % year == m)).any() else np.nan
            for m in range(year)
        ]
    )
    season = np.where(np.isnan(season), 1.0 if multiplicative else 0.0, season)[positions % year]
    flat = line / season if multiplicative else line - season
    flat = np.interp(positions, positions[known], flat[known])
    return np.where(known, values, flat * season if multiplicative else flat + season)
