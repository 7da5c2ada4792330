"""Prophet (Taylor & Letham 2018) with its defaults, without the samples that only its own intervals need."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from workers.forecast_review.forecasting import months
from workers.forecast_review.forecasting.history import Floats


def prophet(values: Floats, start: int, horizon: int) -> Floats:
    """Forecasts of Prophet; `start` is the number of the first value's month."""
    from prophet import Prophet  # noqa: PLC0415 - seconds that a run without it need not wait

    # Stan's progress on standard output is no message of ours.
    logging.getLogger("cmdstanpy").disabled = True
    days = [months.first_day(start + i) for i in range(len(values) + horizon)]
    model = Prophet(uncertainty_samples=0)
    model.fit(pd.DataFrame({"ds": days[: len(values)], "y": values}), seed=1)
    found: Floats = model.predict(pd.DataFrame({"ds": days[len(values) :]}))["yhat"].to_numpy(dtype=np.float64)
    return found
