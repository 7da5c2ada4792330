"""Prophet (Taylor & Letham 2018) with its defaults, without the samples that only its own intervals need."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from workers.forecast_review.forecasting import months
from workers.forecast_review.forecasting.history import Floats


def load_prophet() -> Callable[..., Any]:  # Any: Prophet ships no types
    """The class, imported without the messages that are none of ours: Stan's progress, a missing plotly."""
    for name in ("cmdstanpy", "prophet.plot"):
        logging.getLogger(name).disabled = True
    from prophet import Prophet  # noqa: PLC0415 - seconds that a run without it need not wait

    return Prophet


def prophet(values: Floats, start: int, horizon: int) -> Floats:
    """Forecasts of Prophet; `start` is the number of the first value's month."""
    days = [months.first_day(start + i) for i in range(len(values) + horizon)]
    model = load_prophet()(uncertainty_samples=0)
    model.fit(pd.DataFrame({"ds": days[: len(values)], "y": values}), seed=1)
    found: Floats = model.predict(pd.DataFrame({"ds": days[len(values) :]}))["yhat"].to_numpy(dtype=np.float64)
    return found
