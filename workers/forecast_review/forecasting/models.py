"""The models that compete, each a function of one series: values in, forecasts out.

statsforecast (Nixtla) gives all but Prophet (`prophet_model`) and the LSTM (`lstm`). What is ours here is the stated
rule that bounds their cost and keeps old regimes out:

- A model learns from the last `WINDOW` months; Prophet, which has change points of its own, from all.
- AutoARIMA, AutoETS and CES have a rule of their own (`searches`); MSTL works on logarithms where all values are positive,
  as ARIMA does.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import numpy as np
from statsforecast.models import MSTL, DynamicOptimizedTheta, SeasonalNaive

from workers.forecast_review.forecasting.errors import PlanError
from workers.forecast_review.forecasting.history import Floats
from workers.forecast_review.forecasting.months import YEAR
from workers.forecast_review.forecasting.prophet_model import prophet
from workers.forecast_review.forecasting.searches import GROWN, SEARCH_EVERY, SEARCHES, Refit

WINDOW = 15 * YEAR
LEAST = 2 * YEAR
"""Months from which models can be told apart; below it there is only the naive forecast."""
GATE = "seasonal_naive"
LSTM = "lstm"
_ABSURD = 10.0
"""A forecast beyond this many times the largest value seen is a failed fit."""

Model = Callable[[Floats, int, int], Floats]
"""(values, number of the first month, horizon) → forecasts."""


def seasonal_naive(values: Floats, _start: int, horizon: int) -> Floats:
    """The same month of the last year; the mean of the last three months if there is no whole year."""
    if len(values) < YEAR:
        return np.full(horizon, float(np.mean(values[-3:])))
    return _mean(SeasonalNaive(season_length=YEAR), values, horizon)


def _theta(values: Floats, _start: int, horizon: int) -> Floats:
    return _mean(DynamicOptimizedTheta(season_length=YEAR), values[-WINDOW:], horizon)


def _mstl(values: Floats, _start: int, horizon: int) -> Floats:
    return _on_logs(lambda part: _mean(MSTL(season_length=YEAR), part, horizon), values[-WINDOW:])


PLAIN: Mapping[str, Model] = {GATE: seasonal_naive, "theta": _theta, "mstl": _mstl, "prophet": prophet}
"""Models that have no form to search."""

SINGLE = (GATE, "theta", "ces", "ets", "mstl", "arima", "prophet")
"""From the simplest on; the order decides between models that are as good as each other."""

MEDIANS: Mapping[str, tuple[str, ...]] = {
    "median_4": ("arima", "ets", "theta", "ces"),
    "median_5": ("arima", "ets", "theta", "ces", "mstl"),
}
"""Medians, month by month. The first is the "simple combination of univariate models" of Petropoulos & Svetunkov
(2020), sixth of the M4 competition."""

BLENDS: Mapping[str, float] = {"blend_25": 0.25, "blend_50": 0.5}
"""Means of the last median and the seasonal naive forecast, with this share of the latter (Bates & Granger 1969: what errs
in different ways errs less together). They hold on to the last year where trends break off."""
BLENDED = "median_5"

QUICK = (GATE, "theta", "ces", "mstl")
"""What competes where there are too many series for all."""


def known_models() -> tuple[str, ...]:
    """All single models, those of the optional extra too."""
    return (*SINGLE, LSTM)


def candidates(single: Sequence[str]) -> tuple[str, ...]:
    """The single models in order of simplicity, then those combinations of which all parts are there.

    Raises:
        PlanError: if a model is not known.
    """
    for name in single:
        if name not in known_models():
            raise PlanError(f"there is no model {name!r}; there are {', '.join(known_models())}")
    ordered = [name for name in known_models() if name in single or name == GATE]
    medians = [name for name, parts in MEDIANS.items() if set(parts) <= set(ordered)]
    return (*ordered, *medians, *(BLENDS if BLENDED in medians else ()))


class Fits:
    """The single models on one node, origin after origin, the oldest first."""

    def __init__(self, names: Sequence[str], horizon: int) -> None:
        self.names = names
        self.horizon = horizon
        self._forms: dict[str, tuple[int, Refit]] = {}
        """Model → months known when its form was searched, and what fits that form anew."""

    def at(self, values: Floats, start: int, *, left: int) -> dict[str, Floats]:
        """Each model's forecast at one origin.

        It is NaN where a model cannot be fitted or gives absurd values, and not negative where the history is not.
        `left` is the number of origins to come: at the last one everything is searched anew.
        """
        if left % SEARCH_EVERY == 0:
            self._forms = {}
        return {name: self._one(name, values, start) for name in self.names}

    def _one(self, name: str, values: Floats, start: int) -> Floats:
        if name != GATE and len(values) < LEAST:
            return np.full(self.horizon, np.nan)
        if not values.any():
            return np.zeros(self.horizon)
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                if name in SEARCHES:
                    found = self._searched(name, values[-WINDOW:])
                else:
                    found = PLAIN[name](values, start, self.horizon)
        except Exception:  # noqa: BLE001 - a model may fail on one series in any way; the others go on
            return np.full(self.horizon, np.nan)
        return plausible(np.asarray(found, dtype=np.float64), values)

    def _searched(self, name: str, part: Floats) -> Floats:
        """By the form of an earlier search, if it still serves; else by a new search."""
        then, refit = self._forms.get(name, (0, None))
        if refit is not None and len(part) < GROWN * then:
            with suppress(Exception):  # a form may not suit what came since, in any way; then another is searched
                found = refit(part, self.horizon)
                if np.isfinite(plausible(found, part)).all():
                    return found
        found, refit = SEARCHES[name](part, self.horizon)
        self._forms[name] = len(part), refit
        return found


def plausible(found: Floats, values: Floats) -> Floats:
    """The forecast, or NaN throughout if it is not finite or absurd."""
    limit = _ABSURD * max(float(np.abs(values).max()), math.ulp(1.0))
    if not np.isfinite(found).all() or (np.abs(found) > limit).any():
        return np.full(len(found), np.nan)
    return np.maximum(found, 0.0) if (values >= 0).all() else found


def combine(by_model: Mapping[str, Floats], name: str) -> Floats:
    """A combination of arrays of any equal shape.

    A median takes the parts that could be fitted, at least two; a blend is NaN where its median is.
    """
    if name in BLENDS:
        return (1 - BLENDS[name]) * by_model[BLENDED] + BLENDS[name] * by_model[GATE]
    parts = np.stack([by_model[part] for part in MEDIANS[name]])
    enough = np.isfinite(parts).sum(axis=0) >= 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all parts NaN is what `enough` is for
        return np.where(enough, np.nanmedian(parts, axis=0), np.nan)


def _mean(model: object, values: Floats, horizon: int) -> Floats:
    mean: Floats = model.forecast(y=values, h=horizon)["mean"]  # type: ignore[attr-defined]  # statsforecast's models share no public base
    return mean


def _on_logs(fit: Callable[[Floats], Floats], values: Floats) -> Floats:
    return np.exp(fit(np.log(values))) if (values > 0).all() else fit(values)
