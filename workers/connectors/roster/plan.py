"""What the office knows of people before an import, and what the import changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from workers.connectors.roster.values import Facts, Worker

Stretch = tuple[datetime, datetime]
Kind = Literal["joins", "changes", "leaves", "returns"]


@dataclass(frozen=True, slots=True)
class KnownWorker:
    """Somebody of whom the system told before."""

    rep_id: str | None
    facts: Facts
    left_on: date | None


@dataclass(frozen=True, slots=True)
class OurRep:
    """A rep as the office has them."""

    id: str
    name: str
    email: str
    login: str
    active: bool
    territories: tuple[str, ...]
    languages: tuple[str, ...]
    skills: tuple[str, ...]
    timezone: str
    manager_email: str
    """Of the first territory's manager; empty: none."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the office knows before the import."""

    workers: Mapping[str, KnownWorker]
    """By employee id."""
    reps: Mapping[str, OurRep]
    territories: Mapping[str, str]
    """Id → name."""
    absences: Mapping[str, frozenset[Stretch]]
    """Rep → what the system said before of the time that is still to come."""


@dataclass(frozen=True, slots=True)
class Change:
    """Of one person."""

    kind: Kind
    employee_id: str
    rep_id: str | None
    fields: tuple[str, ...]
    """Names of what changed."""
    facts: Facts
    """What the system says now."""
    before: Facts
    """What it said last of the fields, or what the office had."""
    rep: Mapping[str, object]
    """Columns of the rep that change; of a new rep all of them."""
    new_rep: bool = False
    left_on: date | None = None
    gone: bool = False
    """Not at work any more, and does not merely sell nothing."""


@dataclass(frozen=True, slots=True)
class Away:
    """How a rep's absences change."""

    rep_id: str
    employee_id: str
    add: tuple[Stretch, ...]
    drop: tuple[Stretch, ...]


@dataclass(slots=True)
class Plan:
    """All that changes."""

    today: date
    changes: list[Change] = field(default_factory=list)
    away: list[Away] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    workers: dict[str, Worker] = field(default_factory=dict)
    """Those at work, by employee id."""
    next_away: dict[str, tuple[Stretch, str | None]] | None = None
    """Employee id → their present or next absence and their substitute's employee id; None: it was not asked for them."""
    unchanged: int = 0
    people: int = 0
    """Who were known and at work before."""
    taken_away: int = 0
    moved: int = 0
    """Who get another manager."""
    forgets_absences: bool = False
    """The system says of nobody that they are away, and did so before."""

    def doubts(self, most_percent: float) -> str:
        """Why a person should look before it is carried out; empty: nobody has to."""
        if self.people and 100 * (self.taken_away + self.moved) > most_percent * self.people:
            share = 100 * (self.taken_away + self.moved) / self.people
            return (
                f"{share:.0f} % of {self.people} people would be taken away ({self.taken_away}) or get another manager "
                f"({self.moved}), and {most_percent:g} % are allowed"
            )
        if self.forgets_absences:
            return "the report on absences is empty, and some are known that are not over"
        return ""
