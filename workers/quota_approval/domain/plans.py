"""A plan as the process sees it: its version and the facts by which it is validated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Collected:
    """Inputs as they were at a moment; they are kept in the database."""

    input_id: str
    rows: int
    tables: int
    forecast: str
    """The published version that the forecast is of; empty: the table's own."""


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What the rules of validation read. Amounts in cents, shares from 0 to 1."""

    version: str
    nodes: int
    reps: int
    target: int
    expected: int
    """From below."""
    gap: int
    """Sum over all units of what members and buffer differ from; 0: it adds up."""
    stretch: float
    """Target over what is expected, less 1."""
    left_out: int
    """Rows of the input that could not be used."""
    without_territory: int
    """Reps."""
    left: int
    """Reps that have a quota though they left before the period."""
    low_odds: float
    """Share of reps with odds below 15 %."""
    high_odds: float
    """Share of reps with odds above 85 %."""
    calibrated: bool
    """The odds were held against earlier periods."""
    problems: tuple[str, ...]
    """The first of what was left out, in words."""
