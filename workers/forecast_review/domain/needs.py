"""Which segments a person should look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

PAGE = 40
"""Facts that a process variable holds at a time: with what the table says of them it must stay under 16 KB."""
MOST = 100
"""Segments that people are asked about in one review: more than that nobody looks at with care."""


@dataclass(frozen=True, slots=True)
class Segments:
    """What was explained."""

    count: int
    pages: tuple[int, ...]
    """Numbers of the pages, from 1."""
    changed: tuple[str, ...]
    """The largest changes since the previous version, in words; at most 10."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What the decision table `review_need` reads of a segment. Shares and changes are relative: 0.05 is five percent.

    What is not known is None, which the table's rules must handle.
    """

    segment: str
    level: str
    share: float
    """Of the grand total."""
    uncertainty: float | None
    """Half of the 80 % interval over the forecast."""
    change: float | None
    """Against the previous version."""
    surprise: float | None
    """By how much the newest months differ from the previous forecast of them."""
    mase: float | None
    override_bias: float | None
    """Signed mean relative error of earlier overrides here; None: there are none that could be judged."""
    findings: int
    misses: int
    """Months of the previous forecast that came outside its 95 % interval."""
    months_known: int

    @classmethod
    def of(cls, known: Mapping[str, Any]) -> Fact:  # Any: JSON
        """From all that is known of a segment (`forecasting.facts.SegmentFacts`, and `months_known`).

        Numbers are rounded to four digits, as a page of facts must stay small.
        """
        given: dict[str, Any] = {}  # Any: fields of Fact
        for name in (field.name for field in fields(cls)):
            value = known.get(name)
            given[name] = round(value, 4) if isinstance(value, float) else value
        return cls(**given)


@dataclass(frozen=True, slots=True)
class Need:
    """What the table says of a segment."""

    segment: str
    review: bool
    priority: float
    reviewer_group: str
    why: str


@dataclass(frozen=True, slots=True)
class ToReview:
    """A segment that somebody is asked about."""

    segment: str
    group: str
    assignee: str | None


def chosen(needs: Sequence[Need], share: float) -> list[Need]:
    """Those to review, by priority, at most `share` of all segments (rounded down, but one at least if any needs it) and `MOST`."""
    wanted = sorted((need for need in needs if need.review), key=lambda need: (-need.priority, need.segment))
    return wanted[: min(MOST, max(1, int(len(needs) * share)))]
