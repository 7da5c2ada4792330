from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.forecast_review.forecasting.helpers import START, history, series, values
from workers.forecast_review.forecasting.checks import Thresholds, check, check_series, fill
from workers.forecast_review.forecasting.history import Floats, History
from workers.forecast_review.forecasting.repairs import clean, repair

CLEAN = values(120)
END = START + 119


def rules(numbers: Floats, end: int = END, thresholds: Thresholds | None = None) -> list[tuple[str, int | None]]:
    found = check_series(series("a", numbers), end, thresholds or Thresholds())
    return [(one.rule, None if one.month is None else one.month - START) for one in found]


def test_a_clean_series_has_no_findings() -> None:
    assert rules(CLEAN) == []


@pytest.mark.parametrize(
    ("spot", "value", "rule"),
    [
        (40, np.nan, "gap"),
        (40, CLEAN[40] * 10, "outlier"),
        (40, CLEAN[40] / 1000, "outlier"),
        (40, -CLEAN[40], "negative"),
    ],
)
def test_a_fault_is_found_where_it_is_and_repaired_to_about_what_it_was(spot: int, value: float, rule: str) -> None:
    numbers = CLEAN.copy()
    numbers[spot] = value
    assert rules(numbers) == [(rule, spot)]
    (finding,) = check_series(series("a", numbers), END)
    assert finding.proposal == pytest.approx(CLEAN[spot], rel=0.15)
    made = History("h", ("s",), {"a": series("a", numbers)})
    repaired = repair(made, [finding])
    assert repaired.history.series["a"].values[spot] == finding.proposal
    assert [(one.rule, one.month - START) for one in repaired.repairs] == [(rule, spot)]
    np.testing.assert_array_equal(made.series["a"].values, numbers)


def test_a_fault_near_the_end_is_repaired_and_not_the_good_months_beside_it() -> None:
    """The curve must not be drawn to it: what a sign that slipped elsewhere made so, as logarithms could not be taken then."""
    numbers = values(180, growth=0.015, noise=0.02)
    faulty = numbers.copy()
    faulty[[127, 174]] *= 10
    faulty[119] *= -1
    assert rules(faulty, START + 179) == [("negative", 119), ("outlier", 127), ("outlier", 174)]
    seen = clean(series("a", faulty), START + 179)
    assert seen is not None
    np.testing.assert_allclose(seen, numbers, rtol=0.2)


def test_late_data_are_filled_up_to_the_others_and_ended_series_left_out() -> None:
    assert rules(CLEAN[:-2]) == [("late_data", 118), ("late_data", 119)]
    assert rules(CLEAN[:-12]) == [("ended", None)]
    made = history()
    short = replace(made.series["r0/s0"], values=made.series["r0/s0"].values[:-2])
    ended = replace(made.series["r0/s1"], values=made.series["r0/s1"].values[:-30])
    broken = replace(made, series={**made.series, "r0/s0": short, "r0/s1": ended})
    repaired = repair(broken, check(broken)).history
    assert "r0/s1" not in repaired.series
    assert len(repaired.series["r0/s0"].values) == 120
    assert repaired.series["r0/s0"].values[-2:] == pytest.approx(made.series["r0/s0"].values[-2:], rel=0.2)


def test_a_level_shift_is_told_and_left_as_it_is() -> None:
    numbers = CLEAN.copy()
    numbers[60:] *= 1.8
    found = [one for one in check_series(series("a", numbers), END) if one.rule == "level_shift"]
    assert len(found) == 1
    assert found[0].month is not None
    assert abs(found[0].month - START - 60) <= 2
    assert found[0].value == pytest.approx(0.8, abs=0.15)
    assert found[0].proposal is None


def test_short_and_zero_series() -> None:
    assert rules(CLEAN[:20], START + 19) == [("too_short", None)]
    assert rules(np.zeros(120)) == [("all_zero", None)]


def test_series_that_are_negative_by_nature_are_left_alone() -> None:
    assert "negative" not in {rule for rule, _ in rules(CLEAN - 100)}


def test_thresholds_decide() -> None:
    numbers = CLEAN.copy()
    numbers[40] *= 1.5
    assert rules(numbers) == [("outlier", 40)]
    assert rules(numbers, thresholds=Thresholds(outlier_share=0.7)) == []


def test_cleaning_knows_nothing_later() -> None:
    numbers = CLEAN.copy()
    numbers[60] *= 4
    before = clean(series("a", numbers), START + 70)
    numbers[71:] = 1e6
    after = clean(series("a", numbers), START + 70)
    assert before is not None
    assert after is not None
    np.testing.assert_array_equal(before, after)
    assert before[60] < 2 * CLEAN[60]


def test_gaps_follow_the_season() -> None:
    numbers = values(96, noise=0.001)
    gappy = numbers.copy()
    gappy[[20, 21, 22, 50]] = np.nan
    np.testing.assert_allclose(fill(gappy), numbers, rtol=0.04)
