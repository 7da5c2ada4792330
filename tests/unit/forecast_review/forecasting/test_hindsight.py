"""Facts of earlier origins are those that a review of then would have had, and errors are compared with the choice."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from tests.unit.forecast_review.forecasting.helpers import history
from workers.cli._forecast_hindsight import print_choices
from workers.forecast_review.domain.needs import Fact
from workers.forecast_review.forecasting import frames
from workers.forecast_review.forecasting.errors import NoForecastError
from workers.forecast_review.forecasting.facts import segment_facts
from workers.forecast_review.forecasting.forecast import Forecast
from workers.forecast_review.forecasting.hindsight import Found, Past, found, past_facts
from workers.forecast_review.forecasting.history import History
from workers.forecast_review.forecasting.plan import Plan
from workers.forecast_review.forecasting.running import run_forecast

QUICK = Plan(horizon=6, models=("theta", "mstl"), origins=3, earlier=2, processes=1)
"""Models that are fitted anew at each origin: those that search a form do so at some origins only, which depends on where a
version ends."""


def faulty() -> History:
    """With a gap, a digit too many, and a jump between the last origins."""
    made = history(noise=0.08)
    one = made.series["r0/s1"]
    values = one.values.copy()
    values[-11:] *= 2
    values[40] = np.nan
    values[60] *= 9
    return replace(made, series={**made.series, "r0/s1": replace(one, values=values)})


@pytest.fixture(scope="module")
def forecast() -> Forecast:
    return run_forecast(faulty(), QUICK)


def test_facts_of_an_origin_are_those_of_a_version_made_then(forecast: Forecast) -> None:
    made, horizon = faulty(), QUICK.horizon

    def version(back: int, earlier: int) -> Forecast:
        return run_forecast(made.until(made.end - back * horizon), replace(QUICK, origins=1, earlier=earlier))

    before, then = version(2, earlier=2), version(1, earlier=3)
    known = then.history.groupby("segment").size()
    facts = [Fact.of(asdict(fact) | {"months_known": int(known[fact.segment])}) for fact in segment_facts(then, before)]
    (past,) = (one for one in past_facts(forecast) if one.origin == then.end)
    assert past.facts == facts
    assert any(fact.misses for fact in facts)
    assert any(fact.findings for fact in facts)


def test_errors_are_what_came_against_what_was_published(forecast: Forecast) -> None:
    pasts = past_facts(forecast)
    assert [one.origin for one in pasts] == ["2016-06", "2016-12", "2017-06"]
    for past in pasts:
        assert past.bottom == {"r0/s0", "r0/s1", "r1/s0", "r1/s1"}
        rows = forecast.backtests[forecast.backtests["origin"] == f"{past.origin}-01"]
        assert set(past.errors) == {"total", "r0", "r1", "r0/s0", "r0/s1", "r1/s0", "r1/s1"}
        for name, error in past.errors.items():
            part = rows[rows["segment"] == name]
            assert error == pytest.approx(np.abs(part["actual"] - part[frames.PUBLISHED]).sum())


def test_large_errors_are_the_fewest_that_make_up_half() -> None:
    past = Past("2016-06", [], {"a": 5.0, "b": 30.0, "c": 40.0, "d": 25.0}, frozenset("abd"))
    assert past.large == {"c", "b"}
    assert past.large_bottom == {"b"}
    seen = found(past, {"b", "d"})
    assert (seen.large, seen.found, seen.looked_at) == (2, 1, 2)
    assert (seen.large_bottom, seen.found_bottom) == (1, 1)
    assert seen.money == pytest.approx(0.55)
    assert Past("2016-06", [], {}, frozenset()).large == set()


def test_origins_are_printed_one_by_one_and_together(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    print_choices("v", [Found("2016-06", 10, 1, 2, 1, 1, 0, 0.5), Found("2016-12", 10, 2, 3, 3, 0, 0, 0.75)])
    first, second, together = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in capsys.readouterr().out.splitlines() if "│" in line
    ]
    assert first == ["2016-06", "10", "1 (10.0%)", "1 of 2 (50%)", "0 of 1 (0%)", "50%"]
    assert second[4] == "none came"
    assert together == ["all", "20", "3 (15.0%)", "4 of 5 (80%)", "0 of 1 (0%)", "62%"]


def test_a_version_without_backtests_says_so(forecast: Forecast) -> None:
    with pytest.raises(NoForecastError, match="run the forecast again"):
        past_facts(replace(forecast, backtests=forecast.backtests.drop(columns="champion")))
