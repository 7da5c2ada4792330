"""Which record of champions a review starts from, and what it leaves."""

from __future__ import annotations

from typing import Any

from tests.unit.forecast_review.casework import Review

Standing = tuple[str, str, int]
"""Champion, challenger, wins."""
SEGMENT = "r0/s0"
"""Where Theta is better than the seasonal naive forecast."""


async def past(case: Review, days_ago: int, standing: Standing, *, state: str = "published", digest: str = "x") -> None:
    """A review that was, with what it left on one segment."""
    forecast_id = f"shops-{days_ago}"
    await case.sql(
        """INSERT INTO forecasting.reviews (forecast_id, organisation, reason, asked_by, state, version, raw_digest,
               opened_at)
           VALUES (%s, 'shops', 'schedule', 'timer', %s, 'shops-2012-11-abc', %s, now() - make_interval(days => %s))""",
        *(forecast_id, state, digest, days_ago),
    )
    await case.sql(
        """INSERT INTO forecasting.champions (forecast_id, organisation, segment, champion, challenger, wins)
           VALUES (%s, 'shops', %s, %s, %s, %s)""",
        *(forecast_id, SEGMENT, *standing),
    )


async def fit(case: Review, collected: dict[str, Any], collection: int = 1) -> tuple[dict[str, Any], Standing]:
    run = await case.fit("shops-1", collected, collection)
    row = await case.one(
        "SELECT champion, challenger, wins FROM forecasting.champions WHERE forecast_id = 'shops-1' AND segment = %s",
        SEGMENT,
    )
    return run, (row["champion"], row["challenger"], row["wins"])


async def test_a_challenger_must_win_at_two_reviews_in_a_row(open_case: Review) -> None:
    collected = await open_case.collect("shops-1")
    await past(open_case, 60, ("seasonal_naive", "", 0))
    run, left = await fit(open_case, collected)
    assert left == ("seasonal_naive", "theta", 1)
    assert (run["kept"], run["replaced"]) == (1, 0)
    # A second fit within the review counts once.
    _, left = await fit(open_case, collected, 2)
    assert left == ("seasonal_naive", "theta", 1)

    await past(open_case, 30, left)
    run, left = await fit(open_case, collected, 3)
    assert left == ("theta", "", 0)
    assert (run["kept"], run["replaced"]) == (0, 1)


async def test_reviews_of_the_same_sales_or_without_an_end_are_no_second_win(open_case: Review) -> None:
    collected = await open_case.collect("shops-1")
    won = ("seasonal_naive", "theta", 1)
    await past(open_case, 60, ("seasonal_naive", "", 0))
    await past(open_case, 40, won, digest=collected["raw_digest"])
    await past(open_case, 30, won, state="stopped")
    await past(open_case, 20, won, state="withdrawn")
    _, left = await fit(open_case, collected)
    assert left == won
