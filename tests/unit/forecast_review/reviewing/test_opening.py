from __future__ import annotations

import asyncio

import pytest

from tests.unit.forecast_review.casework import Review
from tests.unit.forecast_review.conftest import NOW
from workers.forecast_review.ports.book import ReviewUnderWay
from workers.runtime.errors import PermanentError


async def test_the_process_learns_what_it_needs_of_the_organisation(case: Review) -> None:
    await case.organisation(currency="EUR")
    opened = await case.open("shops-1", reason="schedule", asked_by="timer")
    assert opened == {"organisation_name": "Shops", "horizon": 6, "currency": "EUR"}
    row = await case.one("SELECT reason, asked_by, state, opened_at FROM forecasting.reviews")
    assert row == {"reason": "schedule", "asked_by": "timer", "state": "open", "opened_at": NOW}
    assert await case.actions("shops-1") == ["opened"]


async def test_of_two_reviews_at_once_one_is_opened(case: Review) -> None:
    await case.organisation()
    ends = await asyncio.gather(case.open("shops-1"), case.open("shops-2"), return_exceptions=True)
    (refused,) = (end for end in ends if isinstance(end, BaseException))
    assert isinstance(refused, ReviewUnderWay)
    (row,) = await case.sql("SELECT forecast_id FROM forecasting.reviews WHERE state = 'open'")
    assert refused.variables == {"joined": row["forecast_id"]}


async def test_the_next_review_may_start_when_the_last_one_is_closed_or_was_withdrawn(case: Review) -> None:
    await case.organisation()
    await case.open("shops-1")
    with pytest.raises(ReviewUnderWay):
        await case.open("shops-2")
    await case.sql("INSERT INTO runtime.closed_cases (business_id, reason) VALUES ('shops-1', 'withdrawn')")
    await case.open("shops-3")
    rows = await case.sql("SELECT forecast_id, state FROM forecasting.reviews ORDER BY forecast_id")
    assert [tuple(row.values()) for row in rows] == [("shops-1", "withdrawn"), ("shops-3", "open")]


async def test_an_organisation_that_is_not_there_is_told(case: Review) -> None:
    with pytest.raises(PermanentError, match="fairlead forecast load"):
        await case.open("nobody-1", "nobody")
