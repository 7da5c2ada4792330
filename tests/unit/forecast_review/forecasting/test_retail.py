from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from workers.forecast_review.forecasting.layout import load_layout
from workers.forecast_review.forecasting.plan import Plan
from workers.forecast_review.forecasting.reading import read_history
from workers.forecast_review.forecasting.running import run_forecast

_FILE = Path(__file__).parents[4] / ".." / "shared" / "data" / "retail_turnover_monthly.csv.gz"


@pytest.mark.slow
def test_real_series_are_forecast_far_better_than_by_default_prophet() -> None:
    if not _FILE.is_file():
        pytest.skip("../shared/data/retail_turnover_monthly.csv.gz is missing")
    read = read_history(str(_FILE), load_layout("retail_turnover"), today=dt.date(2026, 11, 25))
    assert read.problems == ()
    assert len(read.history.series) == 152
    chosen = random.Random(4).sample(sorted(read.history.series), 8)
    few = replace(read.history, series={name: read.history.series[name] for name in chosen})
    found = run_forecast(few, Plan(origins=3, earlier=2, processes=1))
    errors = found.accuracy.set_index("model")["mase"]
    assert errors["published"] < 0.6 * errors["prophet"]
    assert errors["published"] < errors["seasonal_naive"]
    total = found.points.pivot_table(index="segment", columns="step", values="value", sort=False)
    np.testing.assert_allclose(total.loc["total"], total.loc[chosen].sum(), atol=1e-6)
