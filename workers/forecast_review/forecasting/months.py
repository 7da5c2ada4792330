"""Months as whole numbers (year * 12 + month - 1), so that distances are differences."""

from __future__ import annotations

import datetime as dt

YEAR = 12
"""Months in a season; all series here are monthly."""
LONGEST = 36
"""Months ahead beyond which nothing is proved by five origins."""


def number(year: int, month: int) -> int:
    """A month's number; `month` counts from 1."""
    return year * YEAR + month - 1


def of_date(day: dt.date) -> int:
    """The month that holds a day."""
    return number(day.year, day.month)


def of_text(month: str) -> int:
    """The number of ``2018-12``."""
    year, _, part = month.partition("-")
    return number(int(year), int(part))


def text(month: int) -> str:
    """``2018-12``."""
    return f"{month // YEAR:04d}-{month % YEAR + 1:02d}"


def first_day(month: int) -> dt.datetime:
    """Midnight of its first day, without a time zone, as data frames hold it."""
    return dt.datetime(month // YEAR, month % YEAR + 1, 1)  # noqa: DTZ001 - a month has no time zone
