"""What a plan is made from: accounts, reps, rules, and what an analyst weighs."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from workers.territory_alignment.solving.errors import InputError

NONE: frozenset[Any] = frozenset()


@dataclass(frozen=True, slots=True)
class Account:
    """A customer that somebody is to own."""

    id: str
    latitude: float
    """Degrees north."""
    longitude: float
    """Degrees east."""
    potential: float
    """Money a year, in one currency for all accounts."""
    workload: float
    """Hours a year."""
    industry: str = ""
    skills: AbstractSet[str] = NONE
    """The rep must have all of them, and those that the rules ask for in this industry."""
    languages: AbstractSet[str] = NONE
    """The rep must speak one of them, if there are any."""
    owner: str | None = None
    """The rep who has it today."""
    relationship_years: float = 0.0
    """How long the owner has had it."""


@dataclass(frozen=True, slots=True)
class Rep:
    """Somebody who owns accounts."""

    id: str
    latitude: float
    longitude: float
    capacity: float
    """Hours a year; targets are in proportion to it."""
    name: str = ""
    skills: AbstractSet[str] = NONE
    languages: AbstractSet[str] = NONE
    maximum_load: float | None = None
    """Hours a year that are never exceeded; None: `Rules.maximum_load` decides."""


@dataclass(frozen=True)
class Rules:
    """Hard rules: no plan breaks one."""

    industry_skills: Mapping[str, AbstractSet[str]] = field(default_factory=dict)
    """Industry → skills that its accounts need."""
    named: Mapping[str, AbstractSet[str]] = field(default_factory=dict)
    """Account → the only reps that may have it."""
    locked: Mapping[str, str] = field(default_factory=dict)
    """Account → the rep who must have it."""
    forbidden: AbstractSet[tuple[str, str]] = NONE
    """Pairs of account and rep that must not be."""
    maximum_load: float | None = 1.2
    """Share of the capacity that no rep's load exceeds, where the rep has no limit of its own; None: no limit."""

    def __post_init__(self) -> None:
        if self.maximum_load is not None and not self.maximum_load > 0:
            raise InputError(f"maximum_load is {self.maximum_load}; give a share of the capacity above 0, such as 1.2")


@dataclass(frozen=True)
class Weights:
    """What an analyst weighs. The score of a plan is the sum of weight x points; fewer points are better.

    A point is: one percent of all work (or potential) that lies with another rep than even shares would have it; one
    km from rep to account, as the mean over all hours of work; one percent of all relationships that change hands; one
    percent of neighbouring pairs of accounts that are split between reps.
    """

    workload: float = 1.0
    potential: float = 1.0
    travel: float = 1.0
    continuity: float = 1.0
    contiguity: float = 0.0
    tolerance: float = 0.0
    """Share of a rep's even share by which load and potential may be off without costing points."""

    def __post_init__(self) -> None:
        for part in fields(self):
            value = getattr(self, part.name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"the weight {part.name} is {value}; give a number from 0 up")


@dataclass(frozen=True)
class Organisation:
    """All that a plan depends on, but time and seed.

    Raises:
        InputError: if there is no account or no rep, an id is there twice, or a rule names somebody who isn't there.
    """

    accounts: tuple[Account, ...]
    reps: tuple[Rep, ...]
    rules: Rules = field(default_factory=Rules)
    name: str = "territories"

    def __post_init__(self) -> None:
        if not self.accounts or not self.reps:
            raise InputError(f"{self.name}: there are {len(self.accounts)} accounts and {len(self.reps)} reps to plan")
        accounts, reps = _distinct("account", self.accounts), _distinct("rep", self.reps)
        rules = self.rules
        for kind, pairs in (
            ("named", [(account, rep) for account, some in rules.named.items() for rep in some]),
            ("locked", rules.locked.items()),
            ("forbidden", rules.forbidden),
        ):
            for account, rep in pairs:
                if account not in accounts or rep not in reps:
                    who = f"account {account!r}" if account not in accounts else f"rep {rep!r}"
                    raise InputError(
                        f"{self.name}: the rule `{kind}` for {account} and {rep} names {who}, who is not there"
                    )

    def digest(self) -> str:
        """SHA-256 of the content."""

        def plain(value: object) -> object:
            return sorted(value) if isinstance(value, AbstractSet) else str(value)

        content = json.dumps(asdict(self), sort_keys=True, default=plain)
        return hashlib.sha256(content.encode()).hexdigest()


def _distinct(kind: str, things: tuple[Account, ...] | tuple[Rep, ...]) -> AbstractSet[str]:
    ids = {one.id for one in things}
    if len(ids) < len(things):
        twice, _ = Counter(one.id for one in things).most_common(1)[0]
        raise InputError(f"the {kind} {twice!r} is there twice; remove one of them")
    return ids
