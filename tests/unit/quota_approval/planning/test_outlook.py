from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from workers.quota_approval.planning.market import Floats
from workers.quota_approval.planning.odds import SCORES, Odds
from workers.quota_approval.planning.outlook import Outlook
from workers.quota_approval.planning.simulating import draw


def outlook(scores: Floats | None = None) -> Outlook:
    mix = np.array([[1.0, 0.0], [0.4, 0.6], [0.0, 1.0]])
    market = np.array([[0.01, 0.004], [0.004, 0.02]])
    given = np.array(Odds().scores) if scores is None else scores
    return Outlook(np.array([1e6, 2e5, 4e5]), np.array([0.3, 0.5, 0.4]), mix, market, given)


def test_odds_agree_with_the_simulation_of_the_whole_model() -> None:
    """The solver's one shape for all against draws that know each rep's own mix of market and chance."""
    skewed = np.exp(0.5 * ndtri((np.arange(SCORES) + 0.5) / SCORES))
    one = outlook((skewed - skewed.mean()) / skewed.std())
    results = np.concatenate(list(draw(one, 40_000, 3)))
    for chance in (0.1, 0.3, 0.5, 0.8):
        quota = one.expected + one.spread * one.at(chance)
        assert (results < quota).mean(axis=0) == pytest.approx([chance] * 3, abs=0.02)
    quota = one.expected * np.array([0.8, 1.0, 1.3])
    drawn = np.maximum(quota - results, 0).mean(axis=0)
    assert one.shortfall(quota) == pytest.approx(drawn, rel=0.05)


def test_draws_have_the_markets_covariance_and_the_spread() -> None:
    one = outlook()
    results = np.concatenate(list(draw(one, 40_000, 1)))
    assert results.std(axis=0) == pytest.approx(one.spread, rel=0.03)
    together = np.corrcoef(results.T)[0, 1]
    shared = one.mix[0] @ one.market @ one.mix[1] * one.expected[0] * one.expected[1]
    assert together == pytest.approx(shared / (one.spread[0] * one.spread[1]), abs=0.02)
    again = np.concatenate(list(draw(one, 1_000, 1)))
    assert (again == np.concatenate(list(draw(one, 1_000, 1)))).all()


def test_shortfall_is_the_integral_of_the_chance_to_miss() -> None:
    one = outlook()
    step = one.spread * 1e-3
    quota = one.expected * 1.1
    slope = (one.shortfall(quota + step) - one.shortfall(quota - step)) / (2 * step)
    assert slope == pytest.approx(one.miss(one.standard(quota)), abs=1e-5)


def test_without_a_spread_quotas_are_made_or_missed_for_sure() -> None:
    none = Outlook(np.array([0.0]), np.array([0.3]), np.zeros((1, 1)), np.zeros((1, 1)), np.array(Odds().scores))
    assert none.miss(none.standard(np.array([1.0])))[0] == 1
    assert none.miss(none.standard(np.array([0.0])))[0] == 0
    assert none.shortfall(np.array([5.0]))[0] == 5
