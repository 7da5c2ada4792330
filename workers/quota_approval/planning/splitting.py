"""The split: quotas as near to equal odds as the rules allow, by a quadratic program; then whole cents from the top down.

Minimise the sum over reps of w · (quota - expected)² / (2 · spread), so that the sums over the tree fit: its optimality
conditions say that z = (quota - expected) / spread is the same for all reps between whom no rule stands; and as F is one
function of z for all, so are the odds. w is one over the product of (1 + buffer) above the rep, and turns the rep's money
into money of the target.

The same quotas minimise the expected shortfall, Σ w · E max(quota - result, 0), whatever F is, and are the fairest in the
sense that no transfer between two reps brings their z nearer to each other: on sums over a tree all separable convex
functions of z have a common minimiser (Fujishige 1980, lexicographically optimal bases). Clarabel solves the program
(Goulart & Chen 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import clarabel
import numpy as np
from scipy import sparse

from workers.quota_approval.domain.buffers import with_buffer
from workers.quota_approval.planning.errors import InputError
from workers.quota_approval.planning.limits import ENDLESS, Room
from workers.quota_approval.planning.market import Floats
from workers.quota_approval.planning.money import CENTS, apportion
from workers.quota_approval.planning.organisation import Organisation
from workers.quota_approval.planning.outlook import Outlook
from workers.quota_approval.planning.rules import Rules

LEAST_SPREAD = 1e-3
"""Least spread in relation to the median: who has next to none can still carry a floor."""


@dataclass(frozen=True)
class Split:
    """Quotas before rounding, with what the rules press."""

    quotas: Floats
    """reps: money."""
    levels: Floats
    """units: z of the reps below where only rules of units stand between; the rule-free level first (the top)."""


def split(organisation: Organisation, outlook: Outlook, buffers: Sequence[Fraction], room: Room, target: int) -> Split:
    """The fairest quotas for a target in cents.

    Raises:
        InputError: if nothing is expected from anybody, or the solver fails.
    """
    real = outlook.spread[outlook.spread > 0]
    if not len(real):
        raise InputError("nothing is expected from any rep in the period: no territory, forecast or month at work")
    # Near one in size, so that the solver's tolerances mean the same for every currency.
    unit = float(np.median(real))
    spread = np.maximum(outlook.spread / unit, LEAST_SPREAD)
    expected = outlook.expected / unit
    weights = 1 / np.array([float(factor) for factor in factors(organisation, buffers)])
    own = weights[organisation.units :]
    rows, bounds, kinds = _rows(organisation, weights, room, target / CENTS / unit, unit)
    solution = _solve(sparse.diags(own / spread), -own * expected / spread, rows, bounds)
    pressure = np.zeros(organisation.units)
    duals = np.asarray(solution.z)
    pressure[0] = -duals[0]
    for (node, sign), dual in zip(kinds, duals[1 : 1 + len(kinds)], strict=True):
        pressure[node] -= sign * dual
    levels = pressure.copy()
    for i in range(1, organisation.units):
        levels[i] = levels[organisation.parents[i]] + pressure[i]
    return Split(np.asarray(solution.x) * unit, levels)


def factors(organisation: Organisation, buffers: Sequence[Fraction]) -> list[Fraction]:
    """Of each node: the product of (1 + buffer) above it."""
    found = [Fraction(1)] * len(organisation.nodes)
    for i in range(1, len(organisation.nodes)):
        above = organisation.parents[i]
        found[i] = found[above] * (1 + buffers[above])
    return found


def _rows(
    organisation: Organisation, weights: Floats, room: Room, target: float, unit: float
) -> tuple[sparse.csc_matrix, Floats, list[tuple[int, int]]]:
    """Target, rules of units, bounds of reps: A x ≤ b, the first row an equality; which unit and side each middle row is."""
    members = organisation.members @ sparse.diags(weights[organisation.units :])
    blocks, bounds = [members[0]], [np.array([target])]
    kinds: list[tuple[int, int]] = []
    for i in range(1, organisation.units):
        for sign, amount in ((1, room.own_high[i]), (-1, -room.own_low[i])):
            if 0 < abs(amount) < ENDLESS:
                blocks.append(sign * members[i])
                # Rounding moves a unit's members by less than a cent for each buffer below.
                bounds.append(np.array([weights[i] * (amount + _SLACK) / CENTS / unit]))
                kinds.append((i, sign))
    reps = range(organisation.units, len(organisation.nodes))
    high = np.array([room.own_high[i] for i in reps], dtype=np.float64)
    low = np.array([room.own_low[i] for i in reps], dtype=np.float64)
    capped = np.flatnonzero(high < ENDLESS)
    each = sparse.identity(len(high), format="csr")
    blocks += [each[capped], -each]
    bounds += [(high[capped] + _SLACK) / CENTS / unit, (_SLACK - low) / CENTS / unit]
    return sparse.vstack(blocks, format="csc"), np.concatenate(bounds), kinds


_SLACK = 2.0
"""Cents by which bounds give way before rounding, as sums with buffers are rounded; whole cents keep them exactly."""


def _solve(p: sparse.dia_matrix, q: Floats, rows: sparse.csc_matrix, bounds: Floats) -> clarabel.DefaultSolution:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    cones = [clarabel.ZeroConeT(1), clarabel.NonnegativeConeT(len(bounds) - 1)]
    solution = clarabel.DefaultSolver(sparse.csc_matrix(p), q, rows, bounds, cones, settings).solve()
    if str(solution.status) not in {"Solved", "AlmostSolved"}:
        raise InputError(
            f"the solver stopped with {solution.status}; look for amounts of very different size in the rules"
        )
    return solution


def whole_cents(
    organisation: Organisation, rules: Rules, buffers: Sequence[Fraction], room: Room, wanted: Floats, target: int
) -> list[int]:
    """Cents of every node: members add up to their unit with its buffer, exactly, and every rule holds.

    Args:
        organisation: the tree.
        rules: for the rounding of each level.
        buffers: of each node.
        room: what the rules leave.
        wanted: reps: money, from `split`.
        target: cents of the top.
    """
    money = wanted * CENTS
    scale = np.array([float(factor) for factor in factors(organisation, buffers)])
    sums = organisation.members @ (money / scale[organisation.units :]) * scale[: organisation.units]
    near = np.concatenate([sums, money])
    found = [0] * len(organisation.nodes)
    found[0] = target
    for i, below in enumerate(organisation.children):
        if below:
            total = with_buffer(found[i], buffers[i])
            wanted_here = [float(near[c]) for c in below]
            # The unit's own rounding has moved the sum.
            moved = total / sum(wanted_here) if sum(wanted_here) > 0 else 1.0
            parts = apportion(
                [moved * one for one in wanted_here],
                [room.low[c] for c in below],
                [room.high[c] for c in below],
                total,
                rules.step(organisation.levels[below[0]]),
            )
            for child, part in zip(below, parts, strict=True):
                found[child] = part
    return found
