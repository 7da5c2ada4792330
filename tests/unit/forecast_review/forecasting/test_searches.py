from __future__ import annotations

import numpy as np
import pytest

from tests.unit.forecast_review.forecasting.helpers import START, values
from workers.forecast_review.forecasting import models, searches
from workers.forecast_review.forecasting.history import Floats
from workers.forecast_review.forecasting.models import Fits
from workers.forecast_review.forecasting.searches import Refit

HORIZON = 6


def searched_at(monkeypatch: pytest.MonkeyPatch, lengths: range) -> list[int]:
    """Months known at each search; what is found is of no interest."""
    found: list[int] = []

    def flat(numbers: Floats, horizon: int) -> tuple[Floats, Refit]:
        found.append(len(numbers))
        return np.full(horizon, numbers[-1]), lambda later, ahead: np.full(ahead, later[-1])

    monkeypatch.setattr(models, "SEARCHES", {"ets": flat})
    fits = Fits(["ets"], HORIZON)
    for place, length in enumerate(lengths):
        fits.at(values(length), START, left=len(lengths) - 1 - place)
    return found


def test_a_form_is_searched_at_every_fourth_origin_and_today(monkeypatch: pytest.MonkeyPatch) -> None:
    assert searched_at(monkeypatch, range(100, 145, 5)) == [100, 120, 140]
    assert searched_at(monkeypatch, range(100, 130, 5)) == [100, 105, 125]


def test_a_form_found_on_a_much_shorter_history_is_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert searched_at(monkeypatch, range(24, 132, 12)) == [24, 36, 60, 72, 108, 120]


@pytest.mark.parametrize("name", searches.SEARCHES)
def test_between_searches_the_form_found_is_fitted_to_what_is_known_now(name: str) -> None:
    numbers = values(90)
    first, refit = searches.SEARCHES[name](numbers[:84], HORIZON)
    fits = Fits([name], HORIZON)
    np.testing.assert_array_equal(fits.at(numbers[:84], START, left=5)[name], first)
    then = fits.at(numbers, START, left=3)[name]
    np.testing.assert_array_equal(then, refit(numbers, HORIZON))
    assert not np.array_equal(then, refit(numbers[:84], HORIZON))
    # On what it was found on, fitting the form anew is what the search had done.
    np.testing.assert_allclose(refit(numbers[:84], HORIZON), first, rtol=0.02)


def test_where_the_form_found_does_not_suit_any_more_another_is_searched() -> None:
    """ETS takes a multiplicative error here, which cannot be with a zero."""
    numbers = values(100, noise=0.1, growth=0.02)
    _, refit = searches.SEARCHES["ets"](numbers[:90], HORIZON)
    numbers[95] = 0.0
    with pytest.raises(ValueError, match="zero"):
        refit(numbers, HORIZON)
    fits = Fits(["ets"], HORIZON)
    assert np.isfinite(fits.at(numbers[:90], START, left=3)["ets"]).all()
    assert np.isfinite(fits.at(numbers, START, left=2)["ets"]).all()
