"""What people say of a segment's forecast, and the rules for changing it.

The rules. A change is by a percentage, all months alike, or month by month; it needs a reason from the list, and the
reason ``other`` a note. Figures are finite, and below zero only where the forecast is so already. What leaves every
month as it was is no change. The model's own forecast is never touched: a change is a layer beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal, get_args

Answer = Literal["accept", "override", "hand_over"]
"""``accept``: the forecast stands; an earlier change of this review is taken back."""

Kind = Literal["percent", "months"]

Reason = Literal[
    "promotion",
    "price_change",
    "new_customer",
    "lost_customer",
    "new_product",
    "supply_limit",
    "market_event",
    "one_off_in_history",
    "wrong_data",
    "other",
]

SAME = 1e-9
"""Relative; below it two figures are the same."""


class ChangeRefused(ValueError):
    """A change that cannot be used; the message tells the reviewer what to do."""


@dataclass(frozen=True, slots=True)
class Change:
    """A person's change of a segment. Shares are relative: 0.05 is five percent."""

    values: Mapping[str, float]
    """Month (``2019-01``) → new figure, of the months that were changed."""
    percent: float
    """Of the segment's sum, signed."""
    moved: float
    """What was added and what was taken away, both counted as positive, in relation to the segment's sum."""
    amount: float
    """What the segment's sum gains, in the unit of the values."""
    share_of_total: float
    """What was moved in relation to the forecast of the whole organisation."""


def change_of(
    base: Mapping[str, float],
    total: float,
    *,
    kind: Kind | None,
    percent: float | None,
    months: Mapping[str, float | None],
    reason: Reason | None,
    note: str,
) -> Change:
    """The change that a form's answers ask for, by the module's rules.

    Args:
        base: month → the model's forecast, of all months ahead.
        total: sum of the months ahead of the whole organisation.
        kind: which of the two next counts.
        percent: -10 lowers each month by a tenth.
        months: month → figure; months that are left out stay.
        reason: why; from the list.
        note: free text.

    Raises:
        ChangeRefused: the answers break a rule.
    """
    if reason not in get_args(Reason):
        raise ChangeRefused("Please choose a reason from the list.")
    if reason == "other" and not note.strip():
        raise ChangeRefused("Please say in the note what the reason is.")
    if kind == "percent":
        wanted = _by_percent(base, percent)
    elif kind == "months":
        wanted = _by_month(base, months)
    else:
        raise ChangeRefused("Please choose how the forecast changes: by a percentage, or month by month.")
    values = {month: new for month, new in wanted.items() if abs(new - base[month]) > SAME * max(1.0, abs(base[month]))}
    if not values:
        raise ChangeRefused("These figures are the forecast itself. Change one, or choose “Stand by the forecast”.")
    for month, new in values.items():
        if new < 0 <= base[month]:
            raise ChangeRefused(f"{month}: {new:,.2f} is below zero, which the forecast is not.")
    amount = sum(new - base[month] for month, new in values.items())
    moved = sum(abs(new - base[month]) for month, new in values.items())
    size = sum(abs(value) for value in base.values())
    return Change(
        values=values,
        percent=amount / size if size else 1.0,
        moved=moved / size if size else 1.0,
        amount=amount,
        share_of_total=moved / abs(total) if total else 1.0,
    )


def _by_percent(base: Mapping[str, float], percent: float | None) -> dict[str, float]:
    if percent is None or not isfinite(percent):
        raise ChangeRefused("Please say by how many percent the forecast changes.")
    if not -100 <= percent <= 1000:
        raise ChangeRefused(f"{percent:g} % is out of range; a change lies between -100 and 1,000 %.")
    return {month: value + abs(value) * percent / 100 for month, value in base.items()}


def _by_month(base: Mapping[str, float], months: Mapping[str, float | None]) -> dict[str, float]:
    if strange := sorted(set(months) - set(base)):
        raise ChangeRefused(f"The forecast has no month {strange[0]}; it goes from {min(base)} to {max(base)}.")
    wanted = {}
    for month, value in months.items():
        if value is None or not isfinite(value):
            raise ChangeRefused(f"Please give a figure for {month}.")
        wanted[month] = float(value)
    return wanted


@dataclass(frozen=True, slots=True)
class ApprovedChange:
    """What a person changed of a segment, for those who release the forecast."""

    segment: str
    percent: float
    """Of the segment's sum: 0.05 is five percent more."""
    reason: Reason
    by: str
    approved_by: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """The newest change of a segment in this review."""

    values: Mapping[str, float]
    by: str
    state: str


@dataclass(frozen=True, slots=True)
class SegmentCase:
    """Everything that is known of a segment whose forecast is reviewed."""

    segment: str
    level: str
    months: Sequence[str]
    """``2019-01`` and so on: the months ahead."""
    base: Sequence[float]
    """The model's forecast, made to add up: one figure a month."""
    low: Sequence[float | None]
    """Lower bound of the 80 % interval; None: no record to tell by."""
    high: Sequence[float | None]
    history: Mapping[str, float]
    """Month → sales."""
    former: Mapping[str, float]
    """Month → what was published last; empty: nothing was."""
    facts: Mapping[str, object]
    """See `forecasting.facts.SegmentFacts`."""
    need_why: str
    """Why the decision table wants it reviewed."""
    earlier: Earlier | None

    @property
    def forecast(self) -> dict[str, float]:
        """Month → the model's forecast."""
        return dict(zip(self.months, self.base, strict=True))

    @property
    def organisation_total(self) -> float:
        """The months ahead of the whole organisation; 0 where this segment has no part in them."""
        share, total = self.facts["share"], self.facts["total"]
        return float(total) / float(share) if isinstance(share, float) and isinstance(total, float) and share else 0.0
