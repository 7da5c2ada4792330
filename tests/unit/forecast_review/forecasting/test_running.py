from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.unit.forecast_review.forecasting.helpers import START, history, series, values
from workers.forecast_review.forecasting import models
from workers.forecast_review.forecasting.errors import DataError, PlanError
from workers.forecast_review.forecasting.fitting import Known, fit_node
from workers.forecast_review.forecasting.forecast import Forecast
from workers.forecast_review.forecasting.history import Floats, History
from workers.forecast_review.forecasting.incumbents import Incumbent
from workers.forecast_review.forecasting.plan import Plan
from workers.forecast_review.forecasting.reading import MANY
from workers.forecast_review.forecasting.running import run_forecast

QUICK = Plan(horizon=6, models=("theta", "ces"), origins=3, earlier=2, processes=1)


@pytest.fixture(scope="module")
def forecast() -> Forecast:
    return run_forecast(history(), QUICK)


def test_everything_is_there_and_adds_up(forecast: Forecast) -> None:
    points = forecast.points.pivot_table(index="segment", columns="step", values="value", sort=False)
    assert points.shape == (7, 6)
    shops = [name for name in points.index if "/" in name]
    np.testing.assert_allclose(points.loc["total"], points.loc[shops].sum(), atol=1e-6)
    np.testing.assert_allclose(points.loc["r1"], points.loc[["r1/s0", "r1/s1"]].sum(), atol=1e-6)
    assert str(forecast.points["month"].min()) == "2018-01-01 00:00:00"
    inner = forecast.points
    assert ((inner["lo95"] <= inner["lo80"]) & (inner["lo80"] < inner["value"]) & (inner["hi80"] < inner["hi95"])).all()
    assert set(forecast.choices["champion"]) <= {"seasonal_naive", "theta", "ces"}
    assert forecast.accuracy.iloc[0]["model"] == "published"
    assert forecast.accuracy.iloc[0]["origins"] == 3


def test_the_same_data_and_plan_give_the_same_bytes(forecast: Forecast) -> None:
    again = run_forecast(history(), QUICK)
    assert again.to_bytes() == forecast.to_bytes()
    assert again.version == forecast.version
    assert forecast.card["data_sha256"] == history().sha256
    assert run_forecast(history(), replace(QUICK, margin=0.2)).version != forecast.version
    back = Forecast.from_bytes(forecast.to_bytes())
    pd.testing.assert_frame_equal(back.points, forecast.points)
    assert back.card == forecast.card
    with pytest.raises(DataError, match="no stored version"):
        Forecast.from_bytes(b"something else")


@pytest.mark.slow
def test_the_number_of_processes_does_not_change_the_result(forecast: Forecast) -> None:
    assert run_forecast(history(), replace(QUICK, processes=2)).to_bytes() == forecast.to_bytes()


def test_no_backtest_knows_the_future(forecast: Forecast) -> None:
    """Everything after an origin is made absurd; what would have been published there must not move by one bit."""
    made = history()
    origin = START + 119 - QUICK.horizon
    spoiled = {
        name: replace(one, values=np.where(np.arange(120) + START > origin, one.values * 50 + 1e4, one.values))
        for name, one in made.series.items()
    }
    after = run_forecast(replace(made, series=spoiled), QUICK)
    columns = ["published", "lo80", "hi80", "lo95", "hi95", *forecast.accuracy["model"][1:]]
    before_origin = forecast.backtests["origin"] <= pd.Timestamp(2017, 6, 1)
    assert before_origin.sum() == 3 * 7 * 6
    pd.testing.assert_frame_equal(after.backtests[columns], forecast.backtests[columns])
    # The same change a month earlier is seen, so that this test would notice.
    spoiled = {
        n: replace(o, values=np.where(np.arange(120) + START >= origin, o.values * 50, o.values))
        for n, o in made.series.items()
    }
    seen = run_forecast(replace(made, series=spoiled), QUICK)
    assert not np.allclose(seen.backtests["theta"], forecast.backtests["theta"])


def test_champions_of_the_review_before_change_today_and_no_earlier_origin(forecast: Forecast) -> None:
    chosen = dict(zip(forecast.choices["segment"], forecast.choices["champion"], strict=True))
    other = {"theta": "ces", "ces": "theta", "seasonal_naive": "theta"}
    before = {name: Incumbent(other[champion]) for name, champion in chosen.items()}
    defended = run_forecast(history(), replace(QUICK, incumbents=before))
    kept = defended.choices[defended.choices["challenger"] != ""]
    assert len(kept)
    assert all(row.champion == before[row.segment].champion for row in kept.itertuples())
    assert all(row.challenger == chosen[row.segment] for row in kept.itertuples())
    # What they were chosen by was known later than any of these.
    pd.testing.assert_frame_equal(defended.backtests, forecast.backtests)
    pd.testing.assert_frame_equal(defended.accuracy, forecast.accuracy)
    # They are taken before the forecasts are made to add up.
    first = kept.iloc[0]["segment"]
    base = defended.points[defended.points["segment"] == first]["base"].to_numpy()
    assert not np.allclose(base, forecast.points[forecast.points["segment"] == first]["base"].to_numpy())
    whole = defended.points.pivot_table(index="segment", columns="step", values="value", sort=False)
    np.testing.assert_allclose(
        whole.loc["total"], whole.loc[[name for name in whole.index if "/" in name]].sum(), atol=1e-6
    )
    assert defended.version != forecast.version


def test_left_as_they_are_values_are_not_repaired_but_gaps_are_filled() -> None:
    made = history(60)
    spoiled = made.series["r0/s1"].values.copy()
    spoiled[20], spoiled[30] = 9000.0, np.nan
    made = replace(made, series={**made.series, "r0/s1": replace(made.series["r0/s1"], values=spoiled)})
    for clean, highest in ((True, 1000.0), (False, 9000.0)):
        seen = run_forecast(made, replace(QUICK, models=("theta",), origins=1, clean=clean)).history
        values_seen = seen[seen["segment"] == "r0/s1"]["value"].to_numpy()
        assert np.isfinite(values_seen).all()
        assert values_seen.max() <= highest


def test_faults_are_repaired_and_the_actuals_are_not() -> None:
    made = history()
    numbers = made.series["r0/s0"].values.copy()
    numbers[[70, 100, 104]] *= 12
    broken = replace(made, series={**made.series, "r0/s0": replace(made.series["r0/s0"], values=numbers)})
    found = run_forecast(broken, QUICK)
    assert found.card["findings"] == {"outlier": 3}
    rows = found.history[found.history["segment"] == "r0/s0"].reset_index()
    assert rows["raw"][100] == numbers[100]
    assert rows["value"][100] < numbers[100] / 6
    actual = found.backtests[found.backtests["segment"] == "r0/s0"]
    assert numbers[104] in actual["actual"].to_numpy()
    as_delivered = run_forecast(broken, replace(QUICK, clean=False))
    truth = run_forecast(broken, QUICK, truth=made).accuracy.set_index("model")["mase"]
    raw = run_forecast(broken, replace(QUICK, clean=False), truth=made).accuracy.set_index("model")["mase"]
    assert truth["theta"] < raw["theta"]
    assert as_delivered.version != found.version


def test_a_fault_among_what_came_teaches_nothing(forecast: Forecast) -> None:
    """It judges what was published, but neither chooses champions nor widens intervals once it is repaired."""
    made = history()
    numbers = made.series["r0/s0"].values.copy()
    numbers[[100, 104]] *= 12
    broken = replace(made, series={**made.series, "r0/s0": replace(made.series["r0/s0"], values=numbers)})
    found = run_forecast(broken, QUICK)
    assert found.choices["champion"].tolist() == forecast.choices["champion"].tolist()
    width, before = ((one.points["hi95"] - one.points["lo95"]).to_numpy() for one in (found, forecast))
    np.testing.assert_allclose(width, before, rtol=0.2)


def test_one_series_that_cannot_be_fitted_does_not_stop_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(numbers: Floats, start: int, horizon: int) -> Floats:
        if numbers[0] == marked:
            raise np.linalg.LinAlgError
        return models.seasonal_naive(numbers, start, horizon) * 1.01

    made = history()
    marked = made.series["r0/s1"].values[0]
    monkeypatch.setitem(models.PLAIN, "theta", fails)
    found = run_forecast(made, replace(QUICK, models=("theta",)))
    assert found.problems["rule"].tolist() == ["model_failed"]
    assert "r0/s1: theta" in found.problems["text"][0]
    assert found.points["value"].notna().all()
    assert len(found.points) == 7 * 6


def test_short_zero_and_late_series_go_along() -> None:
    made = history()
    more = {
        "r0/young": series("r0/young", values(7), START + 113),
        "r0/nothing": series("r0/nothing", np.zeros(120)),
        "r1/late": series("r1/late", values(117)),
        "r1/ended": series("r1/ended", values(90)),
    }
    found = run_forecast(replace(made, series={**made.series, **more}), QUICK)
    points = found.points.pivot_table(index="segment", columns="step", values="value", sort=False)
    assert points.notna().all().all()
    assert "r1/ended" not in points.index
    assert points.loc["r0/young"].mean() == pytest.approx(values(7)[-3:].mean(), rel=0.3)
    assert points.loc["r0/nothing"].max() < 5
    np.testing.assert_allclose(points.loc["total"], points[points.index.str.contains("/")].sum(), atol=1e-6)


def test_a_plan_that_cannot_be_done_is_refused() -> None:
    with pytest.raises(PlanError, match="1 to 36"):
        Plan(horizon=0)
    with pytest.raises(PlanError, match="no model 'magic'"):
        Plan(models=("magic",))
    gone = History("h", ("s",), {"a": series("a", values(40)), "b": series("b", np.full(90, np.nan))})
    assert Plan().months_of_origins(gone)[-1] == START + 89


def test_above_a_stated_number_of_series_only_the_quick_models_compete() -> None:
    assert Plan().models_for(MANY + 1) == models.QUICK
    assert {"arima", "ets", "prophet", "median_5"} <= set(Plan().models_for(MANY))


def test_a_year_of_history_gets_a_plain_forecast() -> None:
    found = run_forecast(History("h", ("s",), {"a": series("a", values(18)), "b": series("b", values(18))}), QUICK)
    assert set(found.choices["champion"]) == {"seasonal_naive"}
    assert found.backtests.empty
    assert found.points["lo80"].isna().all()


@pytest.fixture
def known() -> list[Known | None]:
    numbers = values(96)
    return [None, Known(START, numbers[:72]), Known(START, numbers[:84]), Known(START, numbers)]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in models.SINGLE if name != models.GATE])
def test_each_model_follows_trend_and_season(name: str, known: list[Known | None]) -> None:
    found = fit_node([name], 12, known)
    assert np.isnan(found[0]).all()
    coming = values(108)[96:]
    assert np.abs(found[-1, 0] - coming).mean() / coming.mean() < 0.09


@pytest.mark.slow
def test_the_lstm_learns_the_season_of_all_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")  # else Keras asks for TensorFlow
    pytest.importorskip("keras", reason="the extra forecasting-lstm is not installed")
    plan = replace(QUICK, models=("theta", models.LSTM), origins=1, earlier=0)
    found = run_forecast(history(length=96), plan)
    errors = found.accuracy.set_index("model")["mase"]
    assert errors["lstm"] < 1.5 * errors["seasonal_naive"]
    assert run_forecast(history(length=96), plan).to_bytes() == found.to_bytes()
