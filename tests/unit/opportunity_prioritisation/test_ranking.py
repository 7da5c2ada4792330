"""The ranking: the formula, a rep's time, the order when time is short, cycle times."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.opportunity_prioritisation.helpers import NOW, open_one
from workers.opportunity_prioritisation.domain.opportunity import Advice, Open, WorkingOrder, cell_of
from workers.opportunity_prioritisation.domain.ranking import Ranked, Scored, attention_lost, cycle_ratio, ranked

BY_VALUE = WorkingOrder("expected_value", "usual")
BY_CUSTOMER = WorkingOrder("customer_value", "short of time")


def rank(
    found: list[Open], order: WorkingOrder = BY_VALUE, minutes: float = 60, effort: float = 20, chance: float = 0.5
) -> dict[str, Ranked]:
    advice = {
        cell_of(one, NOW).cell: Advice(cell_of(one, NOW).cell, "Call", 0 if one.promised else effort, 10)
        for one in found
    }
    scored = [Scored(one, chance, ["the stage speaks for it"]) for one in found]
    return {one.opportunity_id: one for one in ranked(scored, advice, order, {"ana": minutes}, NOW)}


def test_the_formula() -> None:
    (one,) = rank([open_one(amount=80_000.0, last_contact_at=NOW - timedelta(days=10))]).values()
    assert one.expected_value == pytest.approx(0.5 * 80_000 * 0.5), "one half-life after the last contact"
    assert "50% to win 80,000 EUR, last contact 10 days ago" in one.why
    assert "- the stage speaks for it" in one.why
    assert attention_lost(0, 10) == 0
    assert attention_lost(20, 10) == 0.75


def test_without_a_contact_the_days_count_from_its_opening() -> None:
    (one,) = rank([open_one(last_contact_at=None, opened_at=NOW - timedelta(days=20))]).values()
    assert one.expected_value == pytest.approx(0.5 * 10_000 * 0.75)
    assert "no contact in 20 days" in one.why


def test_a_list_ends_where_the_time_ends_and_small_ones_fill_it() -> None:
    found = [open_one(str(n), amount=1_000.0 * n, stage="propose") for n in range(1, 6)]
    small = open_one("small", amount=1.0, stage="qualify")
    advice = {cell_of(one, NOW).cell: Advice(cell_of(one, NOW).cell, "Call", 40, 10) for one in found}
    advice[cell_of(small, NOW).cell] = Advice(cell_of(small, NOW).cell, "Mail", 10, 10)
    scored = [Scored(one, 0.5, []) for one in [*found, small]]
    places = {one.opportunity_id: one.place for one in ranked(scored, advice, BY_VALUE, {"ana": 90}, NOW)}
    assert places == {"5": 1, "4": 2, "3": None, "2": None, "1": None, "small": 3}


def test_a_promised_contact_is_on_no_list_and_neither_is_that_of_somebody_away() -> None:
    found = rank([open_one("a", promised=True), open_one("b", owner_id="ben"), open_one("c")])
    assert {name: one.place for name, one in found.items()} == {"a": None, "b": None, "c": 1}
    assert found["a"].expected_value == 0


def test_when_time_is_short_the_most_valuable_customers_go_first() -> None:
    found = [open_one(str(n), amount=1_000.0 * (10 - n), customer_value=1_000.0 * n) for n in range(10)]
    by_value = rank(found, BY_VALUE, minutes=40)
    by_customer = rank(found, BY_CUSTOMER, minutes=40)
    assert {name for name, one in by_value.items() if one.place} == {"0", "1"}
    assert {name for name, one in by_customer.items() if one.place} == {"8", "9"}
    assert "one of the most valuable customers" in by_customer["9"].why


@given(
    amounts=st.lists(st.floats(0, 1e6), min_size=1, max_size=30),
    minutes=st.floats(0, 500),
    effort=st.floats(1, 60),
)
@settings(max_examples=60, deadline=None)
def test_no_list_is_longer_than_the_time_and_places_have_no_gaps(
    amounts: list[float], minutes: float, effort: float
) -> None:
    found = [open_one(str(n), amount=amount) for n, amount in enumerate(amounts)]
    placed = sorted(
        (one for one in rank(found, minutes=minutes, effort=effort).values() if one.place),
        key=lambda one: one.place or 0,
    )
    assert [one.place for one in placed] == list(range(1, len(placed) + 1))
    assert sum(one.minutes for one in placed) <= minutes + 1e-6
    assert [one.expected_value for one in placed] == sorted((one.expected_value for one in placed), reverse=True)
    assert (
        len(placed) == min(len(found), int(minutes // effort))
        or sum(one.minutes for one in placed) + effort > minutes - 1e-6
    )


def test_cycle_times_are_compared_where_there_are_enough() -> None:
    recent, former = [(5.0, 90.0)] * 10, [(60.0, 60.0)] * 10
    assert cycle_ratio([*recent, *former]) == 1.5
    assert cycle_ratio([*recent[:9], *former]) is None
    assert cycle_ratio(recent) is None
    assert cycle_ratio([*recent, *former, (130.0, 1.0)]) == 1.5, "older ones do not count"
