"""Periods of a forecast, and teams by what they are called."""

from __future__ import annotations

import pytest

from workers.gateway.forecast_periods import UnknownPeriod, months_of, periods_of, under_way
from workers.office.teams import called

MONTHS = ["2025-12", "2026-01", "2026-02", "2026-03", "2026-04"]


def test_a_version_has_quarters_and_months() -> None:
    assert [name for name, _ in periods_of(MONTHS)] == ["", "2025-Q4", "2026-Q1", "2026-Q2", *MONTHS]
    assert months_of(MONTHS, "") == MONTHS
    assert months_of(MONTHS, "2026-Q1") == MONTHS[1:4]
    assert months_of(MONTHS, "2026-04") == ["2026-04"]
    with pytest.raises(UnknownPeriod, match="goes from 2025-12 to 2026-04, and has no month of 2026-Q3"):
        months_of(MONTHS, "2026-Q3")


def test_the_quarter_under_way_is_that_of_the_first_month_to_come() -> None:
    assert under_way(MONTHS, ()) == "2025-Q4"
    assert under_way(MONTHS, {"2025-12", "2026-01"}) == "2026-Q1"
    assert under_way(MONTHS, set(MONTHS)) == "2026-Q2"


def test_a_team_is_what_is_called_as_it_is() -> None:
    assert called("dach", ["total", "emea/dach", "dach"]) == "dach"
    assert called("dach", ["total", "emea/dach", "apac/dach"]) == "emea/dach"
    assert called("dach", ["total", "emea/dachshund"]) is None
