"""Models that search for their form, at a cost that long series and many origins do not drive up: the stated rule.

- AutoARIMA, AutoETS and CES try many forms on a series and keep the best by AICc. At rolling origins a form is searched at
  every `SEARCH_EVERY`-th one, or where the history is longer by half than at the last search, and fitted anew at those that
  follow. Forms only ever travel forward in time, so nothing later is known; the forecast of today is always searched.
- AutoARIMA works on logarithms where all values are positive. Its search is stepwise (Hyndman & Khandakar 2008) by the sum
  of squares in place of the likelihood, p and q up to 3, P and Q up to 1. What it chooses is then fitted by likelihood.
  Seasonal states of two years are what makes it slow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from statsforecast.models import ARIMA, AutoARIMA, AutoCES, AutoETS

from workers.forecast_review.forecasting.history import Floats
from workers.forecast_review.forecasting.months import YEAR

SEARCH_EVERY = 4
GROWN = 1.5

Refit = Callable[[Floats, int], Floats]
"""(values, horizon) → forecasts of the form that a search chose, fitted to these values."""
Search = Callable[[Floats, int], tuple[Floats, Refit]]
"""(values, horizon) → forecasts of the best form, and what fits that form anew."""


def _arima(values: Floats, horizon: int) -> tuple[Floats, Refit]:
    logs = bool((values > 0).all())
    model = AutoARIMA(season_length=YEAR, approximation=True, max_p=3, max_q=3, max_P=1, max_Q=1)
    model.fit(np.log(values) if logs else values)
    found: dict[str, Any] = model.model_  # Any: statsforecast's own mapping
    p, q, seasonal_p, seasonal_q, _, d, seasonal_d = (int(part) for part in found["arma"])
    names = set(found["coef"])
    form = {
        "order": (p, d, q),
        "seasonal_order": (seasonal_p, seasonal_d, seasonal_q),
        "include_mean": "intercept" in names,
        "include_drift": "drift" in names,
    }
    mean: Floats = model.predict(horizon)["mean"]
    return np.exp(mean) if logs else mean, partial(_refit_arima, form, logs)


def _refit_arima(form: Mapping[str, Any], logs: bool, values: Floats, horizon: int) -> Floats:
    logs = logs and bool((values > 0).all())
    mean: Floats = ARIMA(season_length=YEAR, **form).forecast(y=np.log(values) if logs else values, h=horizon)["mean"]
    return np.exp(mean) if logs else mean


def _ets(values: Floats, horizon: int) -> tuple[Floats, Refit]:
    model = AutoETS(season_length=YEAR).fit(values)
    form: str = model.model_["components"]  # error, trend, season, damped: "MAMD", "ANNN"
    mean: Floats = model.predict(horizon)["mean"]
    return mean, partial(_refit_ets, form[:3], form[3] == "D")


def _refit_ets(form: str, damped: bool, values: Floats, horizon: int) -> Floats:
    mean: Floats = AutoETS(season_length=YEAR, model=form, damped=damped).forecast(y=values, h=horizon)["mean"]
    return mean


def _ces(values: Floats, horizon: int) -> tuple[Floats, Refit]:
    model = AutoCES(season_length=YEAR).fit(values)
    # A constant series gets a naive model in its place, which has nothing to choose.
    form: str = getattr(model, "model_", {}).get("seasontype", "Z")
    mean: Floats = model.predict(horizon)["mean"]
    return mean, partial(_refit_ces, form)


def _refit_ces(form: str, values: Floats, horizon: int) -> Floats:
    mean: Floats = AutoCES(season_length=YEAR, model=form).forecast(y=values, h=horizon)["mean"]
    return mean


SEARCHES: Mapping[str, Search] = {"ces": _ces, "ets": _ets, "arima": _arima}
