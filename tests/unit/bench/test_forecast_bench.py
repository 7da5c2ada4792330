"""The pipeline against Prophet alone, and what faults in the data cost."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.forecast_review.forecasting.helpers import history
from workers.bench.forecast import bench, faults, prophet_alone
from workers.forecast_review.forecasting.forecast import Forecast
from workers.forecast_review.forecasting.plan import Plan
from workers.forecast_review.forecasting.running import run_forecast

PLAN = Plan(horizon=6, models=("theta",), origins=2, earlier=1, processes=1)


@pytest.fixture(scope="module")
def clean() -> Forecast:
    return run_forecast(history(96), PLAN)


def nothing(*_: object) -> None:
    """Nobody is told."""


@pytest.mark.slow
def test_both_sides_are_measured_on_the_same_cases() -> None:
    made, plan = history(72, regions=1), Plan(horizon=6, models=("prophet",), origins=1, earlier=0, processes=1)
    told: list[tuple[int, int, str]] = []
    report = bench(made, plan, tell=lambda *step: told.append(step))
    ours, alone = report.sides
    assert ours.mase == report.forecast.accuracy.iloc[0]["mase"]
    assert all(side.cost.seconds > 0 and side.cost.cpu_seconds > 0 and side.cost.peak_mib > 0 for side in report.sides)
    # The data have no faults, so that Prophet within our run learns from the same and says the same.
    within = report.forecast.accuracy.set_index("model").loc["prophet"]
    assert (alone.smape, alone.mase, alone.wape) == pytest.approx(tuple(within[["smape", "mase", "wape"]]), rel=1e-6)
    assert told[-1] == (2, 2, "Prophet alone")


def test_a_series_that_is_too_young_is_no_case_for_prophet() -> None:
    assert np.isnan(prophet_alone(history(20), PLAN, nothing)).all()


def test_faults_cost_and_cleaning_gives_most_of_it_back(clean: Forecast) -> None:
    table = faults(history(96), PLAN, 0.03, clean, tell=nothing)
    assert table.index[0] == "published"
    theta = table.loc["theta"]
    assert theta["clean"] == clean.accuracy.set_index("model")["mase"]["theta"]
    assert theta["faulty"] > 1.5 * theta["clean"]
    assert theta["repaired"] < theta["clean"] + 0.5 * (theta["faulty"] - theta["clean"])
    assert theta["gain %"] == pytest.approx(100 * (1 - theta["repaired"] / theta["faulty"]))
    # Without faults there is nothing to give back, and nothing is taken.
    assert faults(history(96), PLAN, 0.0, clean, tell=nothing).loc["theta", "gain %"] == pytest.approx(0, abs=1)
