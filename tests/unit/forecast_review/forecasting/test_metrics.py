from __future__ import annotations

import numpy as np
import pytest

from workers.forecast_review.forecasting import metrics

ACTUAL = np.array([100.0, 200.0, 0.0, np.nan])
FORECAST = np.array([110.0, 160.0, 0.0, 7.0])


def test_known_values() -> None:
    # |10|/210 + |40|/360 + 0, times 200, over three months.
    assert metrics.smape(ACTUAL, FORECAST) == pytest.approx(200 * (10 / 210 + 40 / 360) / 3)
    assert metrics.mase(ACTUAL, FORECAST, 5.0) == pytest.approx((10 + 40 + 0) / 3 / 5)
    assert metrics.wape(ACTUAL, FORECAST) == pytest.approx(100 * 50 / 300)
    assert metrics.bias(ACTUAL, FORECAST) == pytest.approx(100 * -30 / 300)
    assert metrics.coverage(ACTUAL, FORECAST - 10, FORECAST + 10) == pytest.approx(200 / 3)
    assert metrics.value_added(12.0, 9.5) == 2.5


def test_the_scale_is_the_naive_error_of_the_history() -> None:
    history = np.concatenate([np.arange(12.0), np.arange(12.0) + 3])
    assert metrics.seasonal_scale(history) == 3.0
    assert metrics.mase(history[12:], history[:12], metrics.seasonal_scale(history)) == 1.0


def test_what_is_not_defined_is_nan() -> None:
    assert np.isnan(metrics.seasonal_scale(np.ones(12)))
    assert np.isnan(metrics.seasonal_scale(np.ones(36)))
    assert np.isnan(metrics.wape(np.zeros(3), np.ones(3)))
    assert np.isnan(metrics.coverage(np.array([np.nan]), np.zeros(1), np.ones(1)))
    assert metrics.smape(np.zeros(2), np.zeros(2)) == 0.0
