"""Days on which everybody is at work, whatever the date of the run."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import holidays

COUNTRIES = ("US", "SG", "BR", "IS", "VN", "EE", "TR", "ZA", "IL", "SA", "ET")  # the last three work at New Year


def country_without_holiday(days_ahead: int = 1) -> str:
    """A country in which no day from yesterday until so many days from now is a public holiday."""
    today = datetime.now(UTC).date()
    near: list[date] = [today + timedelta(days=days) for days in range(-1, days_ahead + 1)]
    return next(code for code in COUNTRIES if not any(day in holidays.country_holidays(code) for day in near))
