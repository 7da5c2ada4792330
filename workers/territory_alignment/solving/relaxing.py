"""The LP relaxation, by column generation: HiGHS sees the few pairs that matter, pricing sees all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, sparse

from workers.territory_alignment.solving.bounding import Prices, bound, reduced
from workers.territory_alignment.solving.exactly import Flags
from workers.territory_alignment.solving.geography import Floats
from workers.territory_alignment.solving.model import Model

FIRST = 6
"""Pairs of each account that the first LP has."""
ADDED = 3
"""Pairs of an account that a round adds at most."""
CLOSE = 1e-7
"""Relative distance of LP value and bound at which the relaxation counts as solved."""
DEAR = 100.0
"""What leaving an account to nobody costs, relative to the dearest pair; more where that is not enough."""


@dataclass(frozen=True)
class Relaxation:
    """The relaxation's answer."""

    prices: Prices
    bound: float
    """Points that no plan falls below."""
    share: Floats
    """n x m: how much of each account each rep has; rows add up to one (all zeros if no round was finished)."""
    short: Floats
    """By account, how much of it the limits leave to nobody; all zeros unless the rules clash."""
    solved: bool
    """Bound and LP value agree; False if the time was over before."""


def relax(model: Model, prices: Prices, *, left: Callable[[], float | None]) -> Relaxation:
    """Solve the relaxation, from prices that are roughly right.

    Args:
        model: the problem.
        prices: what the first pairs are chosen by.
        left: seconds left; None: no limit. The relaxation has a bound also if the time ends it.
    """
    best, best_bound = prices, bound(model, prices)
    chosen = _cheapest(reduced(model, prices), FIRST)
    share, short, solved = np.zeros(model.size), np.zeros(model.size[0]), False
    dear = DEAR * float(model.cost[np.isfinite(model.cost)].max(initial=1.0))
    while not solved and left() != 0.0:
        found = _lp(model, chosen, dear, left())
        if found is None:
            break
        share, short = found.share, found.short
        costs = reduced(model, found.prices)
        proven = bound(model, found.prices, costs)
        if proven > best_bound:
            best, best_bound = found.prices, proven
        solved = found.value - best_bound <= CLOSE * max(abs(found.value), 1.0) and short.max() <= CLOSE
        better = _cheapest(costs, ADDED) & (costs < found.worth[:, None] - 1e-12) & ~chosen
        if not better.any() and not solved:
            if short.max() <= CLOSE or dear > 1e12:
                break
            dear *= 100.0
        chosen |= better
    return Relaxation(best, best_bound, share, short, solved)


def _cheapest(costs: Floats, count: int) -> Flags:
    count = min(count, costs.shape[1])
    found = np.zeros(costs.shape, bool)
    np.put_along_axis(found, np.argpartition(costs, count - 1, axis=1)[:, :count], True, axis=1)
    return found & np.isfinite(costs)


@dataclass(frozen=True)
class _Lp:
    value: float
    share: Floats
    short: Floats
    prices: Prices
    worth: Floats
    """By account, the dual of getting a rep."""


def _lp(model: Model, chosen: Flags, dear: float, seconds: float | None) -> _Lp | None:
    """The LP over some pairs; None if the time was too short."""
    accounts, reps = model.size
    rows, columns = np.nonzero(chosen)
    pairs, at = len(rows), np.arange(len(rows))
    tight = np.flatnonzero(np.isfinite(model.limit))
    equal: list[list[object]] = [
        [sparse.csr_array((np.ones(pairs), (rows, at)), (accounts, pairs)), sparse.eye_array(accounts)]
    ]
    cost = [model.cost[rows, columns], np.full(accounts, dear)]
    low, high, right = [np.zeros(pairs + accounts)], [np.full(pairs + accounts, np.inf)], [np.ones(accounts)]
    one = sparse.eye_array(reps)
    for balance in model.balances:
        for block in equal:
            block.append(None)
        # Above and below the target, and what the tolerance leaves free.
        spread = sparse.csr_array((balance.amount[rows], (columns, at)), (reps, pairs))
        equal.append([spread, *[None] * (len(equal[0]) - 2), sparse.hstack([-one, one, -one])])
        cost.append(np.repeat([balance.price, balance.price, 0.0], reps))
        low.append(np.concatenate([np.zeros(2 * reps), -balance.tolerance]))
        high.append(np.concatenate([np.full(2 * reps, np.inf), balance.tolerance]))
        right.append(balance.target)
    whole = np.concatenate(cost)
    used = sparse.csr_array((model.work[rows, columns], (columns, at)), (reps, len(whole)))
    found = optimize.linprog(
        whole,
        A_ub=used[tight] if len(tight) else None,
        b_ub=model.limit[tight] if len(tight) else None,
        A_eq=sparse.block_array(equal, format="csr"),
        b_eq=np.concatenate(right),
        bounds=np.column_stack([np.concatenate(low), np.concatenate(high)]),
        method="highs-ds",
        options={} if seconds is None else {"time_limit": seconds},
    )
    if found.status != 0:
        return None
    dual, load, share = found.eqlin.marginals, np.zeros(reps), np.zeros(model.size)
    if len(tight):
        load[tight] = -found.ineqlin.marginals
    share[rows, columns] = found.x[:pairs]
    balances = tuple(-dual[accounts + b * reps : accounts + (b + 1) * reps] for b in range(len(model.balances)))
    return _Lp(
        float(found.fun),
        share,
        found.x[pairs : pairs + accounts],
        Prices(load, balances).within(model),
        dual[:accounts],
    )
