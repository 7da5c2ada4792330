"""What was collected of accounts, reps and rules, and what of it cannot be used."""

from __future__ import annotations

from dataclasses import dataclass

SHOWN = 25
"""Problems that a person is shown one by one."""

LEFT_OUT = frozenset({"owner_gone"})
"""Rules of the reading that leave nothing out: they are told only."""


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How often a rule of the reading was broken."""

    rule: str
    count: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that cannot be used."""

    subject: str
    """The account, the rep, or the rule's number."""
    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Collected:
    """One collection; the rows stay in the database under `collection_id`."""

    collection_id: str
    accounts: int
    """As they came."""
    reps: int
    left_out: int
    """Rows of accounts and reps that cannot be used."""
    share_left_out: float
    """Of the accounts and reps, 0 to 1."""
    rules_left_out: int
    usable: bool
    """There is at least one account and one rep."""
    unknown_reps: tuple[str, ...]
    """Who is said to leave or to join, and is not there."""
    by_rule: tuple[RuleCount, ...]
