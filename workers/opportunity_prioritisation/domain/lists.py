"""A rep's list for today: what the form shows, and what the rep says to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

Said = Literal["done", "promised", "skip", "later"]
"""``promised``: another contact is promised, and followed up; ``later``: nothing, it comes again tomorrow."""


@dataclass(frozen=True, slots=True)
class RepList:
    """Whose list; its rows are in the database."""

    rep_id: str
    assignee: str
    """The rep's log-in."""
    count: int
    group: str = "sales-reps"


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row of the form's table."""

    opportunity: str
    amount: str
    chance: str
    value: str
    action: str
    minutes: str


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """A row that the rep fills in."""

    opportunity_id: str
    opportunity: str
    action: str
    said: str = "later"
    promise_days: int | None = None
    """Working days until the promised contact."""
    said_why: str = ""


@dataclass(frozen=True, slots=True)
class WorkList:
    """All that the form shows."""

    title: str
    summary: str
    """Markdown."""
    why: str
    """Markdown: the reasons of each row."""
    problem: str
    """What was wrong with the last answer; empty: nothing."""
    rows: list[ShownRow]
    answers: list[AnswerRow]


@dataclass(frozen=True, slots=True)
class ListDeadlines:
    """Moments in the rep's working time, in UTC."""

    remind_at: datetime
    due_at: datetime
    escalate_at: datetime
    close_at: datetime


def problem_of(answers: Sequence[AnswerRow], asked: Sequence[str]) -> str | None:
    """What is wrong with what the rep said, in words; None: nothing."""
    for one in answers:
        if one.said not in get_args(Said):
            return f"{one.opportunity}: choose what came of it."
        if one.opportunity_id not in asked:
            return f"{one.opportunity_id} is not on this list."
        if one.said == "promised" and not 1 <= (one.promise_days or 0) <= 60:
            return f"{one.opportunity}: say in how many working days the contact is promised, 1 to 60."
        if one.said == "skip" and not one.said_why.strip():
            return f"{one.opportunity}: say why it is left out."
    return None
