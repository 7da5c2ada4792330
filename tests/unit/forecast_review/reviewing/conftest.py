"""A review that was opened just now, of five years of sales."""

from __future__ import annotations

import pytest

from tests.unit.forecast_review.casework import Review


@pytest.fixture
async def open_case(case: Review) -> Review:
    await case.organisation()
    await case.sell()
    await case.open("shops-1")
    return case
