from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.quota_approval.planning.helpers import basis
from workers.quota_approval.planning.basis import Basis
from workers.quota_approval.planning.clashing import require_room
from workers.quota_approval.planning.errors import ClashError
from workers.quota_approval.planning.limits import Limit, Room, room
from workers.quota_approval.planning.solving import solve


def rules(made: Basis, *limits: Limit) -> Basis:
    return replace(made, limits=limits)


def test_a_target_below_the_floors_names_target_and_floors() -> None:
    made = basis([2, 1], [1e6] * 3, [0.2] * 3, buffers=("0", "0"))
    floors = [Limit(f"r{i:03}", "floor", True, 50_000_000, "agreed") for i in range(3)]
    with pytest.raises(ClashError) as caught:
        solve(rules(made, *floors, Limit("r001", "cap", False, 90_000_000)), 120_000_000)
    assert {limit.rule for limit in caught.value.clash} == {"floor", "target"}
    assert "the target of top: 1,200,000.00" in str(caught.value)
    assert "the floor of r002: at least 500,000.00 (agreed)" in str(caught.value)


def test_only_what_clashes_is_named() -> None:
    made = basis([3, 3], [1e6] * 6, [0.2] * 6)
    clash = (Limit("r004", "floor", True, 300_000_000), Limit("t1", "cap", False, 200_000_000, "merger"))
    more = (Limit("r000", "cap", False, 80_000_000), Limit("r005", "floor", True, 1), Limit("t0", "floor", True, 5))
    with pytest.raises(ClashError) as caught:
        solve(rules(made, *clash, *more), 600_000_000)
    assert set(caught.value.clash) == set(clash)
    assert "At t1 these cannot hold together" in str(caught.value)
    assert "the cap of t1: at most 2,000,000.00 (merger)" in str(caught.value)


def test_many_rules_of_a_kind_are_one_line() -> None:
    made = basis([300], [1e6] * 300, [0.2] * 300)
    caps = [Limit(f"r{i:03}", "cap", False, 50_000_000) for i in range(300)]
    with pytest.raises(ClashError) as caught:
        solve(rules(made, *caps), 30_000_000_000)
    assert "the cap of 300 reps of t0: at most 150,000,000.00 in sum" in str(caught.value)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_clash_is_irreducible(data: st.DataObject) -> None:
    """Without any one of its rules the others can hold; with all of them nothing can."""
    made = basis([2, 3], [1e6] * 5, [0.2] * 5)
    nodes = st.sampled_from(["t0", "t1", *(f"r{i:03}" for i in range(5))])
    amounts = st.integers(0, 400_000_000)
    limits = data.draw(
        st.lists(
            st.builds(lambda n, a, b: Limit(n, "floor" if b else "cap", b, a), nodes, amounts, st.booleans()),
            min_size=4,
            max_size=14,
        )
    )
    target = data.draw(st.integers(100_000_000, 900_000_000))
    aim = [Limit("top", "target", least, target) for least in (True, False)]

    def holds(some: Sequence[Limit]) -> bool:
        return isinstance(room(made.organisation, made.buffers, some), Room)

    if holds([*limits, *aim]):
        return
    with pytest.raises(ClashError) as caught:
        require_room(made.organisation, made.buffers, [*limits, *aim])
    clash = caught.value.clash
    assert not holds(clash)
    for one in clash:
        assert holds([limit for limit in clash if limit is not one])
