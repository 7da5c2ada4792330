"""What was collected of an organisation's sales, and what is suspicious in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WORST = 25
"""Findings that a person is shown one by one."""
FRESH = 12
"""Newest months of a collection, which few reviews have seen before."""


@dataclass(frozen=True, slots=True)
class History:
    """One collection of sales; the values themselves stay in the database under `history_id`."""

    history_id: str
    name: str
    """The organisation's id: versions of one name follow each other."""
    series: int
    months: int
    """Between the oldest and the newest, both included."""
    first: str
    """The oldest month, ``2000-01``."""
    last: str
    unusable_rows: int
    raw_digest: str
    """SHA-256 of names, months and values."""


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How often a rule of the checks was met."""

    rule: str
    count: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody should know of a history."""

    series: str
    month: str | None
    """``2015-07``; None: the series as a whole."""
    rule: str
    severity: Literal["info", "warning", "error"]
    text: str
    value: float | None
    repaired: float | None
    """What a repair would put there; None: nothing to repair."""


@dataclass(frozen=True, slots=True)
class Findings:
    """All findings in figures, and the worst of them."""

    errors: int
    warnings: int
    repairable: int
    """Months that a repair would change."""
    late_series: int
    """Series whose newest months are not there yet."""
    share_affected: float
    """Of the series, 0 to 1, with a finding that is an error or a warning."""
    share_fresh: float
    """Of the series, 0 to 1, with such a finding in one of the newest twelve months."""
    share_repairable: float
    """Of the months of all series, 0 to 1, that a repair would change."""
    by_rule: tuple[RuleCount, ...]
    worst: tuple[Finding, ...]
    """Errors first; at most `WORST`."""
