"""What a split is made from: everything that a plan must keep so that it can be changed later without its input."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from workers.quota_approval.planning.limits import Limit
from workers.quota_approval.planning.market import Floats
from workers.quota_approval.planning.odds import Odds
from workers.quota_approval.planning.organisation import Organisation
from workers.quota_approval.planning.outlook import Outlook
from workers.quota_approval.planning.rules import Rules

DRIVERS = ("territory", "ramp", "pipeline", "history")
"""What a rep's expectation adds up from, money: the whole forecast of the territory, what ramp and absence take, what the
pipeline moves, and how far expectations were off in earlier periods."""


@dataclass(frozen=True)
class Basis:
    """Tree, rules, expectations and their spread; `limits` are all rules that apply to a node."""

    organisation: Organisation
    rules: Rules
    odds: Odds
    outlook: Outlook
    segments: tuple[str, ...]
    drivers: Floats
    """reps x `DRIVERS`."""
    months: tuple[dt.date, ...]
    monthly: Floats
    """reps x months: what is expected, after ramp and before pipeline; the season of a quota."""
    capacity: Floats
    """reps."""
    limits: tuple[Limit, ...]
    last: Mapping[str, int]
    """Last period's quotas in cents."""

    @cached_property
    def buffers(self) -> tuple[Fraction, ...]:
        """Over-assignment of each node's members."""
        return self.organisation.buffers(self.rules)

    def below(self, node: int) -> Basis:
        """The part of a unit and all that is below it."""
        inside = self.organisation.subtree(node)
        places = [i for i in range(len(self.organisation.nodes)) if i in inside]
        reps = np.array([i - self.organisation.units for i in places if i >= self.organisation.units])
        names = {self.organisation.nodes[i] for i in inside}
        outlook = replace(
            self.outlook,
            expected=self.outlook.expected[reps],
            own=self.outlook.own[reps],
            mix=self.outlook.mix[reps],
        )
        return replace(
            self,
            organisation=self.organisation.only(places),
            outlook=outlook,
            drivers=self.drivers[reps],
            monthly=self.monthly[reps],
            capacity=self.capacity[reps],
            limits=tuple(limit for limit in self.limits if limit.node in names),
            last={name: amount for name, amount in self.last.items() if name in names},
        )
