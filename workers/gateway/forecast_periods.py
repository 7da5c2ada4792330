"""Periods of a forecast's months: the whole, its quarters, its months."""

from __future__ import annotations

from collections.abc import Collection, Sequence

PATTERN = r"^(\d{4}-(Q[1-4]|0[1-9]|1[0-2]))?$"
"""What an address may name: ``2026-Q1``, ``2026-01``; empty is the whole version."""


class UnknownPeriod(LookupError):
    """The version has no month of this period."""


def quarter_of(month: str) -> str:
    """``2026-02`` → ``2026-Q1``."""
    return f"{month[:4]}-Q{(int(month[5:]) + 2) // 3}"


def periods_of(months: Sequence[str]) -> list[tuple[str, str]]:
    """What can be chosen: name in the address, and what people read."""
    quarters = dict.fromkeys(map(quarter_of, months))
    whole = ("", f"All months, {months[0]} to {months[-1]}")
    return [whole, *((one, f"{one[:4]}, quarter {one[-1]}") for one in quarters), *((one, one) for one in months)]


def months_of(months: Sequence[str], period: str) -> list[str]:
    """Those of a period.

    Raises:
        UnknownPeriod: there is none.
    """
    found = [one for one in months if period in {"", one, quarter_of(one)}]
    if not found:
        raise UnknownPeriod(f"The version goes from {months[0]} to {months[-1]}, and has no month of {period}.")
    return found


def under_way(months: Sequence[str], came: Collection[str]) -> str:
    """The quarter of the first month that did not come yet; the last quarter when all came."""
    return quarter_of(next((one for one in months if one not in came), months[-1]))
