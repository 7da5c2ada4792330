from __future__ import annotations

import numpy as np
import pytest

from tests.unit.forecast_review.forecasting.helpers import history
from workers.forecast_review.forecasting import reconciling
from workers.forecast_review.forecasting.hierarchy import build
from workers.forecast_review.forecasting.history import History

RANDOM = np.random.default_rng(5)


def crossed() -> History:
    made = history(shops=3, regions=4)
    return History(made.name, made.levels, made.series, groups=(("shop",),))


def test_the_hierarchy_holds_total_regions_groups_and_bottom() -> None:
    tree = build(crossed())
    assert tree.nodes[0] == "total"
    assert tree.members(0) == tree.bottom
    assert [n for n, level in zip(tree.nodes, tree.levels, strict=True) if level == "region"] == [
        "r0",
        "r1",
        "r2",
        "r3",
    ]
    assert tree.members(tree.nodes.index("*/s1")) == ("r0/s1", "r1/s1", "r2/s1", "r3/s1")
    assert tree.bottom == tuple(sorted(crossed().series))
    np.testing.assert_array_equal(tree.summing[tree.sums :].toarray(), np.eye(12))


def test_a_sum_over_one_segment_has_no_node_of_its_own() -> None:
    made = history(shops=1, regions=2)
    assert build(made).nodes == ("total", "r0/s0", "r1/s0")


@pytest.mark.parametrize("dense", [reconciling.DENSE, 1])
def test_forecasts_add_up_and_stay_above_zero(dense: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "DENSE", dense)
    tree = build(crossed())
    truth = tree.summing @ RANDOM.uniform(0, 5, (12, 6))
    base = np.maximum(truth + RANDOM.normal(0, 3, truth.shape), 0)
    errors = RANDOM.normal(0, 3, (len(tree.nodes), 36))
    found = reconciling.reconcile(tree, base, errors, np.ones(len(tree.nodes)), seed=1)
    np.testing.assert_allclose(found, tree.summing @ found[tree.sums :], atol=1e-6)
    assert (found >= 0).all()
    assert not np.allclose(base, tree.summing @ base[tree.sums :], atol=1e-6)


@pytest.mark.parametrize("size", [0.0, 1e-9, 1.0, 1e9])
def test_forecasts_add_up_however_small_the_errors_are(size: float) -> None:
    tree = build(crossed())
    base = RANDOM.uniform(1, 2, size=(len(tree.nodes), 3))
    errors = RANDOM.normal(size=(len(tree.nodes), 8)) * size
    found = reconciling.reconcile(tree, base, errors, np.full(len(tree.nodes), size), seed=1)
    np.testing.assert_allclose(found, tree.summing @ found[tree.sums :], atol=1e-9)
    if size:
        same = reconciling.reconcile(tree, base, errors / size, np.ones(len(tree.nodes)), seed=1)
        np.testing.assert_allclose(found, same, rtol=1e-9)


def test_reconciling_makes_bad_bottom_forecasts_better_by_good_sums() -> None:
    tree = build(crossed())
    truth = tree.summing @ RANDOM.uniform(20, 50, (12, 200))
    size = np.where(np.arange(len(tree.nodes)) < tree.sums, 1.0, 8.0)[:, None]
    base = truth + RANDOM.normal(0, 1, truth.shape) * size
    errors = RANDOM.normal(0, 1, (len(tree.nodes), 60)) * size
    found = reconciling.reconcile(tree, base, errors, np.ones(len(tree.nodes)), seed=1)
    assert np.abs(found - truth)[tree.sums :].mean() < 0.85 * np.abs(base - truth)[tree.sums :].mean()


def test_a_node_without_a_record_counts_as_uncertain_not_as_perfect() -> None:
    errors = np.full((3, 24), np.nan)
    errors[0] = RANDOM.normal(0, 2, 24)
    stood = reconciling.stand_in(errors, np.array([1.0, 5.0, np.nan]), seed=1)
    np.testing.assert_allclose(stood[0], errors[0], atol=1e-4)
    assert stood[1].std() == pytest.approx(5.0, rel=0.5)
    assert stood[2].std() > 1
