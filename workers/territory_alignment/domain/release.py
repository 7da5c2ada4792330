"""A version that waits for approval: its facts, and the nobody-approves-their-own rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from workers.office.people import same_person


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What decides who must approve a version. Shares are 0 to 1."""

    published_version: str
    plan_version: str
    effective_from: str
    """A day, ``2027-01-01``."""
    live: bool
    changed: int
    changed_share: float
    potential_share: float
    key_accounts_moved: int
    gap: float | None
    edits: int
    """Of managers, in the plan."""
    refusals: int
    """Regions whose manager refused."""
    unseen: int
    """Regions that nobody said anything of in time."""


def involved(approver: str, people: Iterable[str]) -> bool:
    """Whether who approves had a hand in what is approved."""
    return any(same_person(approver, one) for one in people)
