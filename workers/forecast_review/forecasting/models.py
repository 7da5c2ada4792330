"""The models that compete, each a function of one series: values in, forecasts out.

statsforecast (Nixtla) gives all but Prophet (`prophet_model`) and the LSTM (`lstm`). What is ours here is the stated
rule that bounds their cost and keeps old regimes out:

- A model learns from the last `WINDOW` months; Prophet, which has change points of its own, from all.
- AutoARIMA has a rule of its own (`arima`); MSTL works on logarithms where all values are positive, as ARIMA does.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from statsforecast.models import MSTL, AutoCES, AutoETS, DynamicOptimizedTheta, SeasonalNaive

from workers.forecast_review.forecasting.arima import SEARCH_EVERY, Orders, refit, search
from workers.forecast_review.forecasting.errors import PlanError
from workers.forecast_review.forecasting.history import Floats
from workers.forecast_review.forecasting.months import YEAR
from workers.forecast_review.forecasting.prophet_model import prophet

WINDOW = 15 * YEAR
LEAST = 2 * YEAR
"""Months from which models can be told apart; below it there is only the naive forecast."""
GATE = "seasonal_naive"
ARIMA = "arima"
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


def _ces(values: Floats, _start: int, horizon: int) -> Floats:
    return _mean(AutoCES(season_length=YEAR), values[-WINDOW:], horizon)


def _ets(values: Floats, _start: int, horizon: int) -> Floats:
    return _mean(AutoETS(season_length=YEAR), values[-WINDOW:], horizon)


def _mstl(values: Floats, _start: int, horizon: int) -> Floats:
    return _on_logs(lambda part: _mean(MSTL(season_length=YEAR), part, horizon), values[-WINDOW:])


def _arima(values: Floats, _start: int, horizon: int) -> Floats:
    return search(values[-WINDOW:], horizon)[0]


SINGLE: Mapping[str, Model] = {
    GATE: seasonal_naive,
    "theta": _theta,
    "ces": _ces,
    "ets": _ets,
    "mstl": _mstl,
    ARIMA: _arima,
    "prophet": prophet,
}
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
        self._orders: Orders | None = None

    def at(self, values: Floats, start: int, *, left: int) -> dict[str, Floats]:
        """Each model's forecast at one origin.

        It is NaN where a model cannot be fitted or gives absurd values, and not negative where the history is not.
        `left` is the number of origins to come: at the last one everything is searched anew.
        """
        if left % SEARCH_EVERY == 0:
            self._orders = None
        return {name: self._one(name, values, start) for name in self.names}

    def _one(self, name: str, values: Floats, start: int) -> Floats:
        if name != GATE and len(values) < LEAST:
            return np.full(self.horizon, np.nan)
        if not values.any():
            return np.zeros(self.horizon)
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                found = self._arima(values) if name == ARIMA else SINGLE[name](values, start, self.horizon)
        except Exception:  # noqa: BLE001 - a model may fail on one series in any way; the others go on
            return np.full(self.horizon, np.nan)
        return plausible(np.asarray(found, dtype=np.float64), values)

    def _arima(self, values: Floats) -> Floats:
        part = values[-WINDOW:]
        if self._orders is not None:
            return refit(part, self.horizon, self._orders)
        found, self._orders = search(part, self.horizon)
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
