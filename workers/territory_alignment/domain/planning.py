"""What was planned: figures of a version, and what changes by it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Solved:
    """One plan; its rows stay in the database under `version`."""

    version: str
    score: float
    gap: float | None
    """To the proven bound, relative; None: nothing is proven."""
    proven: str
    """In words."""
    seconds: float


@dataclass(frozen=True, slots=True)
class ChangeFacts:
    """What decides who must look at a plan. Shares are 0 to 1."""

    plan_version: str
    live: bool
    """A rep left or joined: only what has to move moves."""
    accounts: int
    changed: int
    """Accounts whose owner of today is another one, or nobody in the plan's eyes."""
    changed_share: float
    """Of the accounts that have an owner."""
    potential_share: float
    """Of the potential of accounts that have an owner."""
    key_accounts_moved: int
    regions: int
    """In which a rep gains or loses an account."""
    gap: float | None


@dataclass(frozen=True, slots=True)
class Move:
    """An account that changes hands."""

    account: str
    owner: str
    """Today's; empty: nobody."""
    rep: str
    potential: float
    key_account: bool
    why: str


@dataclass(frozen=True, slots=True)
class RepLoad:
    """What a rep has by a plan, and today."""

    rep: str
    name: str
    accounts: int
    accounts_today: int
    hours: float
    hours_today: float
    capacity: float
    potential: float
    potential_today: float
    region: str
    gained: int
    """Accounts that come to the rep by the plan."""
    lost: int
    km: float | None
    """To an account by the plan, mean over hours of work; None: there is none."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A column of the comparison: what people call it, and its figures."""

    label: str
    kpis: dict[str, float]
