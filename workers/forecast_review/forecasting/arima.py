"""AutoARIMA at a cost that a long series does not drive up: the stated rule.

- It learns from the last `models.WINDOW` months, on logarithms where all values are positive.
- The search is stepwise (Hyndman & Khandakar 2008) by the sum of squares in place of the likelihood, p and q up to 3,
  P and Q up to 1. What it chooses is then fitted by likelihood. Seasonal states of two years are what makes it slow.
- At rolling origins the orders are searched at every `SEARCH_EVERY`-th one, and fitted anew with these orders at those
  that follow. Orders only ever travel forward in time, so nothing later is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from statsforecast.models import ARIMA, AutoARIMA

from workers.forecast_review.forecasting.history import Floats
from workers.forecast_review.forecasting.months import YEAR

SEARCH_EVERY = 4


@dataclass(frozen=True)
class Orders:
    """What a search chose."""

    logs: bool
    order: tuple[int, int, int]
    seasonal: tuple[int, int, int]
    mean: bool
    drift: bool


def search(values: Floats, horizon: int) -> tuple[Floats, Orders]:
    """Forecasts of the model that the search finds, and its orders."""
    logs = bool((values > 0).all())
    model = AutoARIMA(season_length=YEAR, approximation=True, max_p=3, max_q=3, max_P=1, max_Q=1)
    model.fit(np.log(values) if logs else values)
    found: dict[str, Any] = model.model_  # Any: statsforecast's own mapping
    p, q, seasonal_p, seasonal_q, _, d, seasonal_d = (int(part) for part in found["arma"])
    names = set(found["coef"])
    orders = Orders(logs, (p, d, q), (seasonal_p, seasonal_d, seasonal_q), "intercept" in names, "drift" in names)
    mean: Floats = model.predict(horizon)["mean"]
    return np.exp(mean) if logs else mean, orders


def refit(values: Floats, horizon: int, orders: Orders) -> Floats:
    """Forecasts of a model with known orders, fitted to these values."""
    logs = orders.logs and bool((values > 0).all())
    model = ARIMA(
        order=orders.order,
        season_length=YEAR,
        seasonal_order=orders.seasonal,
        include_mean=orders.mean,
        include_drift=orders.drift,
    )
    mean: Floats = model.forecast(y=np.log(values) if logs else values, h=horizon)["mean"]
    return np.exp(mean) if logs else mean
