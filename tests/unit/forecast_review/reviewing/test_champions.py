"""Which record of champions a review starts from."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.forecast_review.casework import Review


@pytest.fixture
async def open_case(case: Review) -> Review:
    await case.organisation()
    await case.sell(60)
    return case


async def review(case: Review, forecast_id: str, *, months: int, state: str = "published") -> dict[str, Any]:
    """A whole review on so many months of sales."""
    await case.sell(months)
    await case.open(forecast_id)
    run = await case.fit(forecast_id, await case.collect(forecast_id))
    await case.sql("UPDATE forecasting.reviews SET state = %s WHERE forecast_id = %s", state, forecast_id)
    return run


async def standing(case: Review, forecast_id: str, segment: str = "r0/s0") -> tuple[str, str, int]:
    row = await case.one(
        "SELECT champion, challenger, wins FROM forecasting.champions WHERE forecast_id = %s AND segment = %s",
        *(forecast_id, segment),
    )
    return row["champion"], row["challenger"], row["wins"]


async def dethrone(case: Review, forecast_id: str) -> tuple[str, str]:
    """Make the loser the champion of a review in the record; the names of the loser and of the better model."""
    better, _, _ = await standing(case, forecast_id)
    worse = {"theta": "seasonal_naive", "seasonal_naive": "theta"}[better]
    await case.sql(
        "UPDATE forecasting.champions SET champion = %s WHERE forecast_id = %s AND segment = 'r0/s0'",
        *(worse, forecast_id),
    )
    return worse, better


async def test_a_challenger_must_win_at_two_reviews_that_saw_other_data(open_case: Review) -> None:
    await review(open_case, "shops-1", months=58)
    worse, better = await dethrone(open_case, "shops-1")
    assert (worse, better) == ("seasonal_naive", "theta")

    second = await review(open_case, "shops-2", months=59)
    assert await standing(open_case, "shops-2") == (worse, better, 1)
    assert second["kept"] == 1

    # The same sales again are no second proof.
    await review(open_case, "shops-3", months=59)
    assert await standing(open_case, "shops-3") == (worse, better, 1)

    fourth = await review(open_case, "shops-4", months=60)
    assert await standing(open_case, "shops-4") == (better, "", 0)
    assert fourth["replaced"] == 1


async def test_a_review_that_was_stopped_does_not_count_and_a_second_fit_counts_once(open_case: Review) -> None:
    await review(open_case, "shops-1", months=58)
    worse, better = await dethrone(open_case, "shops-1")
    await review(open_case, "shops-2", months=59, state="stopped")
    await open_case.sell(60)
    await open_case.open("shops-3")
    for collection in (1, 2):
        await open_case.fit("shops-3", await open_case.collect("shops-3", collection), collection)
        assert await standing(open_case, "shops-3") == (worse, better, 1)
