"""Overrides on the base: what is asked for is given, nothing else moves, and everything adds up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.forecast_review.domain.composing import Composed, Override, UnknownSegment, compose, members, parents
from workers.forecast_review.forecasting.hierarchy import build
from workers.forecast_review.forecasting.history import History, Series

MONTHS = ("2019-01", "2019-02")
BOTTOM = ("north/a", "north/b", "south/a", "south/b", "west/c")
NODES = ("total", "north", "south", "*/a", "*/b", *BOTTOM)  # west is west/c itself, and so is */c
BELOW = members(NODES)


def added(bottom: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    return {name: [sum(bottom[part][i] for part in parts) for i in range(len(MONTHS))] for name, parts in BELOW.items()}


BASE = added(
    {
        "north/a": [10, 20],
        "north/b": [30, 20],
        "south/a": [5, 5],
        "south/b": [15, 25],
        "west/c": [40, 40],
    }
)


def composed(**overrides: Mapping[str, float]) -> Composed:
    return compose(MONTHS, BASE, [Override(name, values) for name, values in overrides.items()])


def january(found: Composed) -> dict[str, float]:
    return {name: values[0] for name, values in found.values.items()}


def test_who_belongs_to_a_sum_is_read_from_the_names_as_the_numbers_layer_gave_them() -> None:
    history = History(
        name="shops",
        levels=("region", "shop"),
        groups=(("shop",),),
        series={name: Series(tuple(name.split("/")), 0, np.ones(1)) for name in BOTTOM},
    )
    hierarchy = build(history)
    assert members(hierarchy.nodes) == {name: hierarchy.members(i) for i, name in enumerate(hierarchy.nodes)}
    assert set(hierarchy.nodes) == set(NODES)


def test_without_overrides_the_base_stands() -> None:
    assert {name: list(values) for name, values in composed().values.items()} == BASE


def test_a_part_moves_the_sums_above_it_and_nothing_else() -> None:
    found = january(composed(**{"north/a": {"2019-01": 16.0}}))
    assert found["north/a"] == 16
    assert (found["north"], found["*/a"], found["total"]) == (46, 21, 106)
    assert (found["north/b"], found["south"], found["west/c"]) == (30, 20, 40)


def test_a_sum_moves_its_parts_in_proportion() -> None:
    found = january(composed(north={"2019-01": 80.0}))
    assert (found["north/a"], found["north/b"], found["north"]) == (20, 60, 80)
    assert (found["south"], found["total"]) == (20, 140)


def test_the_other_parts_make_up_for_an_overridden_one_where_the_sum_holds() -> None:
    found = composed(north={"2019-01": 80.0}, **{"north/a": {"2019-01": 50.0}})
    assert (january(found)["north/a"], january(found)["north/b"], january(found)["north"]) == (50, 30, 80)
    assert not found.conflicts


def test_only_the_month_that_was_changed_moves() -> None:
    found = composed(total={"2019-02": 0.0})
    assert january(found) == {name: values[0] for name, values in BASE.items()}
    assert {values[1] for values in found.values.values()} == {0}


def test_a_wider_override_yields_to_its_parts_and_is_told() -> None:
    found = composed(north={"2019-01": 10.0}, **{"north/a": {"2019-01": 4.0}, "north/b": {"2019-01": 5.0}})
    assert january(found)["north"] == 9
    (conflict,) = found.conflicts
    assert (conflict.segment, conflict.month, conflict.asked, conflict.given) == ("north", "2019-01", 10, 9)
    assert conflict.text == ("north, 2019-01: 10.00 was asked for, 9.00 is what overrides further down add up to")


def test_nothing_becomes_negative_to_keep_a_sum() -> None:
    found = composed(north={"2019-01": 40.0}, **{"north/a": {"2019-01": 50.0}})
    assert (january(found)["north/b"], january(found)["north"]) == (0, 50)
    assert [conflict.segment for conflict in found.conflicts] == ["north"]


def test_groups_across_the_hierarchy_hold_beside_each_other() -> None:
    found = composed(north={"2019-01": 60.0}, **{"*/a": {"2019-01": 40.0}})
    # */a comes first by name: a parts are settled, north/b makes up for the rest.
    assert (january(found)["*/a"], january(found)["north"]) == pytest.approx((40, 60))


def test_a_base_of_zero_is_spread_evenly() -> None:
    base = {"a": [0.0], "b": [0.0], "total": [0.0]}
    found = compose(["2019-01"], base, [Override("total", {"2019-01": 10.0})])
    assert found.values == {"a": (5,), "b": (5,), "total": (10,)}


def test_a_single_series_is_its_own_sum() -> None:
    found = compose(["2019-01"], {"total": [4.0]}, [Override("total", {"2019-01": 10.0})])
    assert found.values == {"total": (10,)}


@pytest.mark.parametrize(
    ("override", "says"),
    [
        (Override("east", {"2019-01": 1.0}), "no such segment"),
        (Override("north", {"2020-01": 1.0}), "names 2020-01; the forecast goes from 2019-01 to 2019-02"),
    ],
)
def test_what_the_forecast_does_not_have_is_named(override: Override, says: str) -> None:
    with pytest.raises(UnknownSegment, match=says):
        compose(MONTHS, BASE, [override])


figures = st.floats(-1e9, 1e9, allow_nan=False).map(lambda value: round(value, 3))
bases = st.fixed_dictionaries({name: st.lists(figures, min_size=2, max_size=2) for name in BOTTOM}).map(added)
changes = st.dictionaries(
    st.sampled_from(NODES), st.dictionaries(st.sampled_from(MONTHS), figures, min_size=1), max_size=6
)


@given(bases, changes, st.randoms())
def test_what_holds_of_any_overrides(
    base: dict[str, list[float]], asked: dict[str, dict[str, float]], order: Random
) -> None:
    overrides = [Override(name, values) for name, values in asked.items()]
    found = compose(MONTHS, base, overrides)
    given_figures = [*chain(*base.values()), *chain(*(values.values() for values in asked.values()))]
    size = 1e-6 * max(1.0, *map(abs, given_figures))
    told = {(one.segment, one.month) for one in found.conflicts}
    for name, parts in BELOW.items():
        for place, month in enumerate(MONTHS):
            value = found.values[name][place]
            assert math.isclose(value, sum(found.values[part][place] for part in parts), abs_tol=size)
            wanted = asked.get(name, {}).get(month)
            if wanted is not None:
                assert ((name, month) in told) or math.isclose(value, wanted, abs_tol=size)
            if not any(month in values and set(parts) & set(BELOW[other]) for other, values in asked.items()):
                assert math.isclose(value, base[name][place], abs_tol=size)
    # Of overrides that no other one touches all are kept, and an order has no say.
    for name, month in told:
        assert any(
            other != name and month in values and set(BELOW[other]) & set(BELOW[name])
            for other, values in asked.items()
        )
    order.shuffle(overrides)
    assert compose(MONTHS, base, overrides) == found


def test_each_segment_is_shown_below_the_longest_sum_that_holds_it() -> None:
    assert parents(NODES) == {
        "total": None, "north": "total", "south": "total", "*/a": None, "*/b": None, "north/a": "north",
        "north/b": "north", "south/a": "south", "south/b": "south", "west/c": "total",
    }  # fmt: skip
    assert parents(["shop"]) == {"shop": None}
    assert parents(["a", "a/b/c"]) == {"a": None, "a/b/c": "a"}
