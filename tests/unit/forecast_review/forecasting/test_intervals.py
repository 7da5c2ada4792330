from __future__ import annotations

import numpy as np
import pytest

from workers.forecast_review.forecasting.intervals import half_widths

NODES, HORIZON = 60, 12


def errors(origins: int, seed: int, heavy: bool) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Errors that grow with the month ahead and differ between series."""
    random = np.random.default_rng(seed)
    drawn = random.standard_t(4, (origins, NODES, HORIZON)) if heavy else random.normal(size=(origins, NODES, HORIZON))
    # How hard a series is stays the same over time.
    hard = np.exp(np.random.default_rng(99).normal(0, 0.6, NODES))
    return drawn * hard[None, :, None] * (1 + 0.15 * np.arange(HORIZON))


@pytest.mark.parametrize("heavy", [False, True])
def test_intervals_cover_what_they_say_on_simulated_errors(heavy: bool) -> None:
    scales = np.ones((5, NODES))
    half = half_widths(errors(5, 1, heavy), scales, np.ones(NODES), sums=10)
    fresh = np.abs(errors(300, 2, heavy))
    for level, target in enumerate((80, 95)):
        covered = 100 * (fresh <= half[level]).mean()
        assert abs(covered - target) < 3
        # Late months and hard series are wider, so that none of them is covered at the others' cost.
        by_step = 100 * (fresh <= half[level]).mean(axis=(0, 1))
        assert by_step.min() > target - 8
    assert (half[1] > half[0]).all()
    assert half[0, :, -1].mean() > 1.5 * half[0, :, 0].mean()


def test_widths_follow_the_level_of_today() -> None:
    half = half_widths(errors(5, 1, heavy=False), np.ones((5, NODES)), np.full(NODES, 3.0), sums=0)
    same = half_widths(errors(5, 1, heavy=False), np.ones((5, NODES)), np.ones(NODES), sums=0)
    np.testing.assert_allclose(half, 3 * same)


def test_without_a_record_there_is_no_interval() -> None:
    assert np.isnan(half_widths(np.empty((0, 4, 6)), np.empty((0, 4)), np.ones(4), sums=1)).all()
