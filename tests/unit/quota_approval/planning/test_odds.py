from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from workers.quota_approval.planning.calibrating import calibrate
from workers.quota_approval.planning.expecting import Expectation
from workers.quota_approval.planning.market import Market
from workers.quota_approval.planning.odds import Odds, Past, fit

TOGETHER, ALONE = np.array([0.05, 0.06]), np.array([0.05, 0.08])


def past(
    year: int, *, reps: int = 300, level: float = 1.0, wide: float = 1.0, own: float = 0.3, credit: float = 0.0
) -> Past:
    """A period whose forecast claims a spread `wide` times the true one, and results by the model itself."""
    random = np.random.default_rng([7, year])
    full = random.lognormal(13, 0.4, reps)
    mix = random.dirichlet([1.0, 1.0], reps)
    pipeline = 0.4 * full * random.lognormal(0, 0.4, reps)
    capacity = np.where(random.random(reps) < 0.2, 0.5, 1.0)
    expectation = Expectation(
        str(year), tuple(f"r{i}" for i in range(reps)), (dt.date(year, 1, 1),), ("a", "b"), full,
        (full * capacity)[:, None], mix, pipeline, Market(TOGETHER * wide, ALONE * wide),
    )  # fmt: skip
    territory = full * capacity
    usual = pipeline.sum() / territory.sum()
    expected = level * (territory + credit * (pipeline - usual * territory))
    shock = TOGETHER * random.standard_normal() + ALONE * random.standard_normal(2)
    results = expected * (1 + mix @ shock + own * random.standard_normal(reps))
    return Past(expectation, results)


def test_level_credit_and_scatter_are_found() -> None:
    odds = fit([past(year, level=0.9, credit=0.7, reps=150) for year in range(1970, 2020)])
    assert odds.level == pytest.approx(0.9, abs=0.03)
    assert odds.credit == pytest.approx(0.7, abs=0.12)
    own = odds.outlook(past(2023, credit=0.7).expectation).own
    assert np.median(own) == pytest.approx(0.3, abs=0.03)
    assert odds.periods == tuple(map(str, range(1970, 2020)))


def test_too_wide_intervals_are_narrowed_by_history() -> None:
    true = np.outer(TOGETHER, TOGETHER) + np.diag(ALONE**2)
    for wide in (1.0, 3.0):
        pasts = [past(year, reps=150, wide=wide) for year in range(1990, 2020)]
        found = pasts[0].expectation.market.covariance(fit(pasts).market)
        # Of the sum of both segments: what their parts are alone is known less well.
        assert np.sqrt(found.sum()) == pytest.approx(np.sqrt(true.sum()), rel=0.25)


def test_odds_hold_on_history_that_they_have_not_seen() -> None:
    pasts = [past(year) for year in range(2016, 2024)]
    quotas = {one.expectation.period: one.expectation.territory * 1.05 for one in pasts}
    table = calibrate(pasts, quotas, seed=1)
    held = table[(table["kind"] == "quantile") & (table["group"] == "all")]
    assert held["observed"].to_numpy() == pytest.approx(held["predicted"].to_numpy(), abs=0.05)
    assert set(held["cases"]) == {7 * 300}
    reliable = table[(table["kind"] == "reliability") & (table["group"] == "all") & (table["cases"] >= 100)]
    assert reliable["observed"].to_numpy() == pytest.approx(reliable["predicted"].to_numpy(), abs=0.08)
    totals = table[table["kind"] == "total"]
    inside = (totals["low"] <= totals["observed"]) & (totals["observed"] <= totals["high"])
    assert len(totals) == 7
    assert inside.sum() >= 4
    assert set(table.loc[table["kind"] == "attaining", "group"]) == set(map(str, range(2017, 2024)))


def test_no_period_is_judged_by_what_came_later() -> None:
    pasts = [past(year) for year in range(2018, 2023)]
    spoilt = [*pasts[:-1], Past(pasts[-1].expectation, pasts[-1].results * 9)]
    earlier = []
    for some in (pasts, spoilt):
        table = calibrate(some, {}, seed=1)
        totals = table[(table["kind"] == "total") & (table["group"] != "2022")]
        earlier.append(totals[["observed", "low", "high"]].to_numpy())
    assert len(earlier[0]) == 3
    assert (earlier[0] == earlier[1]).all()


def test_without_history_the_values_are_said_to_be_assumptions() -> None:
    assert fit([]).periods == ()
    assert fit([past(2020, reps=20)]) == Odds()
