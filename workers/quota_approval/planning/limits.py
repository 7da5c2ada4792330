"""Floors, caps, change limits and locks of each node as least and most cents, and which of them clash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np

from workers.quota_approval.domain.buffers import with_buffer
from workers.quota_approval.planning.expecting import Expectation
from workers.quota_approval.planning.inputs import Inputs
from workers.quota_approval.planning.market import Floats
from workers.quota_approval.planning.money import CENTS, cents, show
from workers.quota_approval.planning.organisation import Organisation
from workers.quota_approval.planning.rules import REP, Rules

ENOUGH = 0.5
"""Capacity below which a rep's last quota is no measure for the next one."""
ENDLESS = 2**62
"""Cents that no quota reaches."""

KINDS: Mapping[str, str] = {
    "target": "the target",
    "lock": "the lock",
    "floor": "the floor",
    "cap": "the cap",
    "expected_floor": "the floor by expectation",
    "expected_cap": "the cap by expectation",
    "rise": "the limit on rises",
    "fall": "the limit on falls",
    "nothing_expected": "the rule that who can expect nothing gets nothing",
}
"""Rules, and how they are called in words."""


@dataclass(frozen=True)
class Limit:
    """One rule for one node: its quota is at least (`least`) or at most `amount` cents."""

    node: str
    rule: str
    """A key of `KINDS`."""
    least: bool
    amount: int
    why: str = ""

    @property
    def kind(self) -> str:
        """The rule's name in words."""
        return KINDS[self.rule]

    @property
    def text(self) -> str:
        """The rule in words, with its amount."""
        side = "" if self.rule in {"target", "lock"} else f" {'at least' if self.least else 'at most'}"
        return f"{self.kind} of {self.node}:{side} {show(self.amount)}" + (f" ({self.why})" if self.why else "")


def collect(
    inputs: Inputs,
    rules: Rules,
    organisation: Organisation,
    expectation: Expectation,
    expected: Floats,
    previous: Expectation | None,
) -> list[Limit]:
    """All rules that apply, with amounts.

    A rep's change is measured against last year's quota times capacity now over capacity then, so that half a year is not
    held against a whole one; no change limit where either is below a half, or where there was no quota.
    """
    found = _changes(inputs, rules, organisation, expectation, previous)
    locked = {bound.node: bound for bound in inputs.bounds if bound.lock is not None}
    sums = np.concatenate([organisation.members @ expected, expected])
    for node, level, value in zip(organisation.nodes, organisation.levels, sums, strict=True):
        money, share = rules.limits.get(level), rules.expected.get(level)
        why = f"rule for level {level}"
        if money is not None:
            # A floor for a level is meant for those at work; one for a rep by name holds anyway.
            found += _pair(node, "floor", "cap", money.floor if value > 0 else None, money.cap, why)
        if share is not None:
            most = Decimal(repr(float(value)))
            low, high = (None if one is None else one * most for one in (share.floor, share.cap))
            found += _pair(
                node, "expected_floor", "expected_cap", low, high, f"expected are {show(round(value * CENTS))}"
            )
        if level == REP and value <= 0 and node not in locked:
            found.append(Limit(node, "nothing_expected", False, 0, "no territory, or no month at work"))
    for bound in inputs.bounds:
        if bound.node in organisation.place:
            found += _pair(bound.node, "floor", "cap", bound.floor, bound.cap, bound.reason)
            if bound.lock is not None:
                found += lock(bound.node, cents(bound.lock), bound.reason)
    return found


def lock(node: str, amount: int, why: str) -> list[Limit]:
    """A quota that a person has set."""
    return [Limit(node, "lock", least, amount, why) for least in (True, False)]


def effective(limits: Iterable[Limit]) -> list[Limit]:
    """Those that count: a lock stands above the node's other rules, a floor above 'nothing is expected'."""
    limits = list(limits)
    decided = {limit.node for limit in limits if limit.rule == "lock"}
    floored = {limit.node for limit in limits if limit.rule == "floor" and limit.amount > 0}
    return [
        limit
        for limit in limits
        if (limit.rule == "lock" or limit.node not in decided)
        and not (limit.rule == "nothing_expected" and limit.node in floored)
    ]


def last_quotas(inputs: Inputs, period: str) -> dict[str, int]:
    """Cents of each rep and unit in an earlier period."""
    return {row.node: cents(row.quota) for row in inputs.of("results", period) if row.quota is not None}


def _changes(
    inputs: Inputs, rules: Rules, organisation: Organisation, expectation: Expectation, previous: Expectation | None
) -> list[Limit]:
    if previous is None:
        return []
    quotas = last_quotas(inputs, previous.period)
    then = dict(zip(previous.reps, previous.capacity, strict=True))
    now = dict(zip(expectation.reps, expectation.capacity, strict=True))
    found = []
    for node, level in zip(organisation.nodes, organisation.levels, strict=True):
        change, quota = rules.change.get(level), quotas.get(node, 0)
        if change is None or not quota:
            continue
        factor = 1.0
        why = f"{show(quota)} in {previous.period}"
        if level == REP:
            if node not in then or min(then[node], now[node]) < ENOUGH:
                continue
            factor = float(now[node] / then[node])
            why += f", times {factor:.3f} for capacity" if abs(factor - 1) > 0.0005 else ""
        base = Fraction(quota) * Fraction(Decimal(f"{factor:.9f}"))
        if change.up is not None:
            found.append(Limit(node, "rise", False, int(base * (1 + Fraction(change.up))), why))
        if change.down is not None:
            found.append(Limit(node, "fall", True, -int(-base * (1 - Fraction(change.down)) // 1), why))
    return found


def _pair(node: str, low: str, high: str, floor: Decimal | None, cap: Decimal | None, why: str) -> Iterable[Limit]:
    if floor is not None and floor > 0:
        yield Limit(node, low, True, cents(floor), why)
    if cap is not None:
        yield Limit(node, high, False, cents(cap), why)


@dataclass(frozen=True)
class Room:
    """Least and most cents of each node: by its own rules, and by all rules at and below it, buffers included."""

    own_low: tuple[int, ...]
    own_high: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]


def room(organisation: Organisation, buffers: Sequence[Fraction], limits: Iterable[Limit]) -> Room | int:
    """The room that rules leave, exact in cents; or the node at which there is none.

    The sums that a subtree can have are an interval, as each of its nodes can take any amount between its ends. So one
    pass from below decides whether a split exists.
    """
    own_low, own_high = [0] * len(organisation.nodes), [ENDLESS] * len(organisation.nodes)
    for limit in limits:
        i = organisation.place[limit.node]
        if limit.least:
            own_low[i] = max(own_low[i], limit.amount)
        else:
            own_high[i] = min(own_high[i], limit.amount)
    low, high = list(own_low), list(own_high)
    for i in range(len(organisation.nodes) - 1, -1, -1):
        if below := organisation.children[i]:
            low[i] = max(low[i], least_above(sum(low[c] for c in below), buffers[i]))
            high[i] = min(high[i], most_above(sum(high[c] for c in below), buffers[i]))
        if low[i] > high[i]:
            return i
    return Room(tuple(own_low), tuple(own_high), tuple(low), tuple(high))


def least_above(total: int, buffer: Fraction) -> int:
    """The least quota of a unit whose members then carry at least `total`."""
    found = max(0, int(total / (1 + buffer)) - 2)
    while with_buffer(found, buffer) < total:
        found += 1
    return found


def most_above(total: int, buffer: Fraction) -> int:
    """The largest quota of a unit whose members then carry at most `total`."""
    found = int(total / (1 + buffer)) + 2
    while with_buffer(found, buffer) > total:
        found -= 1
    return found
