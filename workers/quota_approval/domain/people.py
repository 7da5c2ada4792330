"""Who decides about a quota: by stage, unit, absence, and never about their own quota or their own change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Stage = Literal["ops", "manager", "director", "finance"]
"""Who is asked, from below; ``ops`` decides what a manager sent back."""

STAGES: tuple[Stage, ...] = ("ops", "manager", "director", "finance")
GROUPS: Mapping[Stage, str] = {
    "ops": "sales-ops", "manager": "sales-managers", "director": "sales-directors", "finance": "sales-finance",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a log-in."""

    login: str
    name: str
    email: str
    role: str
    node: str | None
    """Whose quota is theirs: a rep's own, or the unit that they lead; None: no quota is."""
    substitute: str | None
    """Log-in of who decides while they are away."""
    away_from: datetime | None
    away_until: datetime | None

    def away(self, at: datetime) -> bool:
        """Whether they are away; without an end they left for good."""
        return self.away_from is not None and self.away_from <= at and (self.away_until is None or at < self.away_until)


def above(stage: Stage) -> Stage:
    """Who is asked next; finance is the last."""
    return STAGES[min(STAGES.index(stage) + 1, len(STAGES) - 1)]


def below(stage: Stage) -> Stage:
    """Who gets back what was rejected."""
    return STAGES[max(STAGES.index(stage) - 1, 0)]


def deciders(
    people: Sequence[Person],
    stage: Stage,
    path: Sequence[str],
    *,
    never: Collection[str],
    at: datetime,
    given_to: str | None = None,
) -> list[Person]:
    """Who may decide: those of the stage, managers only for the units they lead; for who is away their substitute.

    Args:
        people: all of the organisation.
        stage: whose turn it is.
        path: the quota's node, then the units above it, from below.
        never: log-ins that may not, as they changed the quota.
        at: now.
        given_to: the one who was asked to decide in their place; as bound by all else as they were.
    """
    known = {one.login: one for one in people}
    if given_to is not None:
        asked = [known[given_to]] if given_to in known else []
    else:
        asked = [one for one in people if one.role == stage and (stage != "manager" or one.node in path)]
    found = [one if given_to is not None else _present(one, known, at) for one in asked]
    unique = {one.login: one for one in found if one is not None}
    return [
        one
        for one in unique.values()
        if one.login not in never and not one.away(at) and (one.node is None or one.node != path[0])
    ]


def _present(person: Person, known: Mapping[str, Person], at: datetime) -> Person | None:
    """The person, or who stands in for them, or for them in turn; None: nobody does."""
    seen = set()
    while person.away(at):
        seen.add(person.login)
        if person.substitute is None or person.substitute in seen or person.substitute not in known:
            return None
        person = known[person.substitute]
    return person
