"""Where each quota of a review stands, and what becomes of it when a person decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workers.quota_approval.domain.people import STAGES, Stage, above, below

Level = Literal["none", "manager", "director", "finance"]
"""Whose approval a quota needs at last; ``none``: nobody's."""

Choice = Literal["approve", "adjust", "reject", "delegate"]

AdjustReason = Literal["territory_changed", "key_account", "ramp", "pipeline", "absence", "market", "other"]
REASON_WORDS: dict[AdjustReason, str] = {
    "territory_changed": "The territory changed",
    "key_account": "A key account was won or lost",
    "ramp": "The person starts more slowly or faster",
    "pipeline": "The pipeline tells otherwise",
    "absence": "Absence in the period",
    "market": "The market changed",
    "other": "Another reason, see the comment",
}
"""As the form names them."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What the decision table and the form read of a quota. Amounts in cents, shares and odds from 0 to 1."""

    node: str
    name: str
    level: str
    parent: str
    quota: int
    share_of_total: float
    last_quota: int | None
    change: float | None
    """Against the last quota, relative; None: there was none."""
    expected: int
    odds: float
    peer_quota: int
    peer_odds: float
    broken: int
    """Rules that it breaks, as a person's decision stands above them."""
    rules: tuple[str, ...]
    """Those that are broken, then those that hold it where it is, in words."""
    objected: bool
    """The rep objects."""
    adjusted: bool
    """A person set it."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What the table says of a quota; nothing where no rule fits."""

    node: str
    level: Level | None
    why: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A quota that waits for people; the rest of it is in the database."""

    node: str
    level: Level


@dataclass(frozen=True, slots=True)
class Case:
    """A quota on its way."""

    node: str
    fact: Fact
    quota: int
    """Cents."""
    first_quota: int
    level: Level
    why: str
    stage: Stage
    adjusted_by: str | None
    adjusted_why: str | None
    comment: str
    given_to: str | None
    objection: str


def strictest(level: Level | None, why: str | None) -> tuple[Level, str]:
    """The table's word; where no rule fits, the last that can be asked is."""
    if level is None:
        return "finance", "No rule of the table fits this quota; who can release anything decides."
    return level, why or ""


def after_approval(case: Case, approver_stage: Stage) -> Stage | None:
    """Who is asked next, up to the level that the table asks for; None: it is approved.

    A quota that a person set has been seen by two at least, as who set it does not approve it.
    """
    wanted = "manager" if case.level == "none" else case.level
    return None if STAGES.index(approver_stage) >= STAGES.index(wanted) else above(approver_stage)


def after_rejection(stage: Stage) -> Stage:
    """Who gets it back: who is below."""
    return below(stage)


@dataclass(frozen=True, slots=True)
class Objector:
    """A rep who is asked about their quota."""

    node: str
    group: str
