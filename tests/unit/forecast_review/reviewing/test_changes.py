"""What a reviewer may change, and how large it is."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest

from workers.forecast_review.domain import showing
from workers.forecast_review.domain.reviews import Change, ChangeRefused, Reason, change_of
from workers.office.people import same_person

BASE = {"2019-01": 100.0, "2019-02": 300.0}
TOTAL = 4_000.0


def change(base: dict[str, float] = BASE, total: float = TOTAL, **answers: Any) -> Change:
    given: dict[str, Any] = {"kind": "percent", "percent": None, "months": {}, "reason": "promotion", "note": ""}
    return change_of(base, total, **given | answers)


def test_a_percentage_moves_all_months() -> None:
    found = change(percent=10)
    assert found.values == pytest.approx({"2019-01": 110.0, "2019-02": 330.0})
    assert (found.percent, found.moved, found.amount) == pytest.approx((0.1, 0.1, 40.0))
    assert found.share_of_total == pytest.approx(0.01)


def test_a_percentage_of_negative_months_moves_them_in_its_own_direction() -> None:
    assert change({"2019-01": -100.0, "2019-02": 300.0}, percent=10).values["2019-01"] == pytest.approx(-90.0)


def test_months_that_are_not_given_or_not_changed_stay() -> None:
    assert change(kind="months", months={"2019-01": 130.0}).values == {"2019-01": 130.0}
    assert change(kind="months", months={"2019-01": 130.0, "2019-02": 300.0}).values == {"2019-01": 130.0}


def test_ups_and_downs_do_not_hide_each_other() -> None:
    found = change(kind="months", months={"2019-01": 200.0, "2019-02": 200.0})
    assert (found.percent, found.amount) == (0.0, 0.0)
    assert (found.moved, found.share_of_total) == pytest.approx((0.5, 0.05))


def test_without_a_sum_to_compare_with_every_change_is_large() -> None:
    nothing = dict.fromkeys(BASE, 0.0)
    found = change(nothing, 0.0, kind="months", months={"2019-01": 5.0})
    assert (found.percent, found.moved, found.share_of_total) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"percent": 5, "reason": None}, "reason from the list"),
        ({"percent": 5, "reason": "because"}, "reason from the list"),
        ({"percent": 5, "reason": "other", "note": " "}, "say in the note"),
        ({"percent": 5, "kind": None}, "by a percentage, or month by month"),
        ({"percent": None}, "by how many percent"),
        ({"percent": math.nan}, "by how many percent"),
        ({"percent": -101}, "out of range"),
        ({"percent": 1001}, "out of range"),
        ({"percent": 0}, "the forecast itself"),
        ({"kind": "months", "months": {"2019-02": 300.0}}, "the forecast itself"),
        ({"kind": "months", "months": {"2019-03": 1.0}}, "no month 2019-03; it goes from 2019-01 to 2019-02"),
        ({"kind": "months", "months": {"2019-01": None}}, "a figure for 2019-01"),
        ({"kind": "months", "months": {"2019-01": math.inf}}, "a figure for 2019-01"),
        ({"kind": "months", "months": {"2019-01": -0.5}}, "2019-01: -0.50 is below zero"),
    ],
)
def test_what_cannot_be_used_is_told(answers: dict[str, Any], words: str) -> None:
    with pytest.raises(ChangeRefused, match=words):
        change(**answers)


def test_all_that_is_sold_may_be_taken_away_and_what_is_negative_may_stay_so() -> None:
    assert set(change(percent=-100).values.values()) == {0.0}
    assert change({"2019-01": -5.0}, kind="months", months={"2019-01": -7.0}).values == {"2019-01": -7.0}


def test_every_reason_has_words() -> None:
    assert set(showing.REASON_WORDS) == set(get_args(Reason))


def test_a_log_in_is_known_however_it_is_written() -> None:
    assert same_person(" Ana", "ana ")
    assert not same_person("ana", "anna")
