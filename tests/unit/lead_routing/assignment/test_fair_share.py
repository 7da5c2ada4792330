"""Fair share: long-run shares, catching up and its bound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.lead_routing.domain.fair_share import CATCH_UP_LEADS, Member, take_turn

weights = st.lists(st.floats(0.25, 4.0), min_size=1, max_size=12)
unhurried = settings(deadline=None)  # the machine may be busy with something else


def pool_of(weights: list[float]) -> list[Member]:
    return [Member(f"rep-{number:02}", weight, None, True) for number, weight in enumerate(weights)]


def give(
    members: list[Member],
    rounds: int,
    eligible: Callable[[int], Collection[str]] | None = None,
) -> tuple[Counter[str], list[Member]]:
    """Give out leads; who is eligible may depend on the round."""
    given_out: Counter[str] = Counter()
    for number in range(rounds):
        turn = take_turn(members, eligible(number) if eligible else [m.rep_id for m in members])
        given_out[turn.rep_id] += 1
        members = [replace(m, credit=turn.credits.get(m.rep_id, m.credit)) for m in members]
    return given_out, members


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0.5, 2.0), min_size=1, max_size=12))
def test_long_run_share_is_within_two_percent_of_the_weights(weights: list[float]) -> None:
    members = pool_of(weights)
    rounds = 6000
    given_out, _ = give(members, rounds)
    for member in members:
        assert given_out[member.rep_id] == pytest.approx(rounds * member.weight / sum(weights), rel=0.02)


@unhurried
@given(weights, st.integers(1, 300))
def test_nobody_is_ever_far_from_the_share(weights: list[float], rounds: int) -> None:
    members = pool_of(weights)
    given_out, after = give(members, rounds)
    for member in after:
        assert member.credit is not None
        due = rounds * member.weight / sum(weights)
        assert due - given_out[member.rep_id] == pytest.approx(member.credit, abs=1e-6)
        assert abs(member.credit) < CATCH_UP_LEADS


def test_turns_are_spread_and_not_in_blocks() -> None:
    members, order = [Member("a", 5, 0.0, True), Member("b", 1, 0.0, True), Member("c", 1, 0.0, True)], ""
    for _ in range(7):
        turn = take_turn(members, "abc")
        order += turn.rep_id
        members = [replace(m, credit=turn.credits[m.rep_id]) for m in members]
    assert order == "aabacaa"  # the sequence that nginx gives for these weights


@unhurried
@given(weights.filter(lambda each: len(each) > 1), st.data())
def test_credits_add_up_and_stay_below_the_bound(weights: list[float], data: st.DataObject) -> None:
    members = pool_of(weights)
    ids = [m.rep_id for m in members]
    for eligible in data.draw(st.lists(st.sets(st.sampled_from(ids), min_size=1), max_size=60)):
        turn = take_turn(members, eligible)
        assert turn.rep_id in eligible
        assert sum(turn.changes.values()) == pytest.approx(0, abs=1e-9)
        members = [replace(m, credit=turn.credits.get(m.rep_id, m.credit)) for m in members]
        values = [m.credit for m in members if m.credit is not None]
        assert sum(values) == pytest.approx(0, abs=1e-6)
        assert max(values) <= CATCH_UP_LEADS + 1e-9
        assert min(values) >= -CATCH_UP_LEADS * (len(members) - 1) - 1 - 1e-9


def test_the_skipped_catch_up_but_are_not_flooded() -> None:
    members = pool_of([1.0, 1.0, 1.0])
    _, members = give(members, 100, lambda _: ["rep-00", "rep-01"])  # rep-02 is busy or asleep
    given_out, _ = give(members, 30)
    assert given_out["rep-02"] == pytest.approx(10 + CATCH_UP_LEADS, abs=1)
    assert given_out["rep-00"] == pytest.approx(given_out["rep-01"], abs=1)


def test_the_absent_are_owed_nothing() -> None:
    members = pool_of([1.0, 1.0, 1.0])
    members[2] = replace(members[2], accrues=False)
    _, members = give(members, 100, lambda _: ["rep-00", "rep-01"])
    members[2] = replace(members[2], accrues=True)
    given_out, _ = give(members, 30)
    assert given_out == {"rep-00": 10, "rep-01": 10, "rep-02": 10}


def test_others_share_fairly_while_one_is_away_for_long() -> None:
    members = pool_of([1.0, 2.0, 5.0])
    given_out, _ = give(members, 3000, lambda _: ["rep-00", "rep-01"])
    assert given_out["rep-01"] == pytest.approx(2 * given_out["rep-00"], rel=0.02)


def test_who_joins_starts_level_with_the_others() -> None:
    members = [Member("a", 1, 3.0, True), Member("b", 1, 1.0, True), Member("new", 1, None, True)]
    turn = take_turn(members, ["a", "b", "new"])
    assert turn.rep_id == "a"
    assert turn.credits["new"] == pytest.approx(2 + 1 / 3)
    assert turn.changes["new"] == pytest.approx(1 / 3)


def test_equal_claims_go_by_weight_and_then_by_id() -> None:
    assert take_turn([Member("b", 1, 0.0, True), Member("a", 1, 0.0, True)], "ab").rep_id == "a"
    level = [Member("a", 1, 1.0, False), Member("b", 2, 1.0, False)]
    assert take_turn(level, "ab").rep_id == "b"


def test_nobody_eligible_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="eligible"):
        take_turn(pool_of([1.0]), [])
