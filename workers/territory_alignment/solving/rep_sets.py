"""The best set of accounts for each rep, if accounts have prices: exactly, by exceptions from what prices of amounts say.

Prices of load and balance (`bounding`) say of each account alone whether it belongs to the set. The best set is near that one:
only a few accounts with a small reduced cost are decided otherwise, and all such exceptions whose reduced costs add up to
less than the best set found are looked at.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workers.territory_alignment.solving.compiled import Arrays, compiled
from workers.territory_alignment.solving.geography import Floats, Ints

CORE = 48
"""Accounts of a rep that may be exceptions."""
TURNS = 12
"""Of the search for a rep's prices of load and balance, which begins with the last ones."""


class _Rep(NamedTuple):
    """A rep's problem; amounts are its load and those that are balanced."""

    able: int
    """Accounts that it may have; arrays may be longer."""
    cost: Floats
    """Of each, less its price."""
    use: Floats
    """Amounts x accounts."""
    mine: Floats
    """Prices of load and balances."""
    room: float
    target: Floats
    tolerance: Floats
    price: Floats


class _Core(NamedTuple):
    """Possible exceptions from what a rep's prices say, the cheapest first."""

    regret: Floats
    change: Floats
    """Exceptions x amounts: what each does to the rep's sums."""
    begin: Floats
    """The sums without any."""


@compiled
def best_sets(arrays: Arrays, price_of: Floats, by_rep: Floats, wanted: Ints, nodes: int) -> tuple[float, float]:
    """What all reps' best sets are worth at least, and the sum of the absolute values that were added.

    `by_rep` is improved in place; `wanted` counts for each account the reps whose set has it. Of each rep so many `nodes`,
    which are exceptions, are looked at; beyond, what is proven until then counts.
    """
    reps, accounts = arrays.cost.shape
    total, size = 0.0, 0.0
    cost, off, at = np.empty(accounts), np.empty(accounts), np.empty(accounts, np.int64)
    use = np.empty((1 + len(arrays.price), accounts))
    for k in range(reps):
        count = 0
        for i in range(accounts):
            if arrays.cost[k, i] < np.inf and arrays.work[k, i] <= arrays.room[k]:
                at[count] = i
                cost[count] = arrays.cost[k, i] - price_of[i]
                use[0, count] = arrays.work[k, i]
                for b in range(len(arrays.price)):
                    use[1 + b, count] = arrays.amounts[b, i]
                count += 1
        rep = _Rep(
            count, cost, use, by_rep[k], arrays.room[k], arrays.target[:, k], arrays.tolerance[:, k], arrays.price
        )
        _steer(rep, off)
        worth, added = _worth(rep, off)
        total += worth + _exceptions(rep, off, at, wanted, nodes)
        size += added
    return total, size


@compiled
def _reduce(rep: _Rep, off: Floats) -> None:
    for i in range(rep.able):
        found = rep.cost[i]
        for d in range(len(rep.mine)):
            found += rep.mine[d] * rep.use[d, i]
        off[i] = found


@compiled
def _worth(rep: _Rep, off: Floats) -> tuple[float, float]:
    """What the prices prove of a rep, and the sum of the absolute values."""
    worth, size = 0.0, 0.0
    for i in range(rep.able):
        if off[i] < 0.0:
            worth += off[i]
            size -= off[i]
    if rep.room < np.inf:
        worth -= rep.mine[0] * rep.room
        size += rep.mine[0] * rep.room
    for b in range(len(rep.price)):
        worth -= rep.mine[1 + b] * rep.target[b] + abs(rep.mine[1 + b]) * rep.tolerance[b]
        size += abs(rep.mine[1 + b]) * (rep.target[b] + rep.tolerance[b])
    return worth, size


@compiled
def _steer(rep: _Rep, off: Floats) -> None:
    """Better prices of load and balances, one after the other; `off` gets the reduced costs."""
    _reduce(rep, off)
    for _ in range(TURNS):
        moved = False
        for d in range(0 if rep.room < np.inf else 1, len(rep.mine)):
            before = rep.mine[d]
            if d == 0:
                rep.mine[d] = _steered(rep, off, d, rep.room, 0.0, 0.0, np.inf)
            else:
                most = rep.price[d - 1]
                rep.mine[d] = _steered(rep, off, d, rep.target[d - 1], rep.tolerance[d - 1], -most, most)
            moved = moved or rep.mine[d] != before
        if not moved:
            break
    _reduce(rep, off)


@compiled
def _steered(rep: _Rep, off: Floats, d: int, goal: float, free: float, low: float, high: float) -> float:
    """The best price of one amount, the others as they are; reduced costs follow in place."""
    price, use = float(rep.mine[d]), rep.use[d]
    small = 1e-12 * (goal + 1.0)
    for _ in range(TURNS):
        within, edge = 0.0, 0.0
        for i in range(rep.able):
            if off[i] < 0.0:
                within += use[i]
            elif off[i] == 0.0:
                edge += use[i]
        # What the bound gains by a higher, and by a lower price.
        if within - goal - (free if price >= 0.0 else -free) > small and price < high:
            sign, length = 1.0, high - price if price >= 0.0 else min(high - price, -price)
        elif within + edge - goal - (free if price > 0.0 else -free) < -small and price > low:
            sign, length = -1.0, price - low if price <= 0.0 else min(price - low, price)
        else:
            break
        hit = -1
        for i in range(rep.able):
            if off[i] * sign < 0.0 and use[i] > 0.0 and -sign * off[i] / use[i] < length:
                length, hit = -sign * off[i] / use[i], i
        for i in range(rep.able):
            off[i] += sign * length * use[i]
        price += sign * length
        if hit >= 0:
            off[hit] = 0.0
    return price


@compiled
def _exceptions(rep: _Rep, off: Floats, at: Ints, wanted: Ints, nodes: int) -> float:
    """How far the best set of a rep is above what its prices prove, at least; `wanted` gets the best set that was found."""
    begin = np.zeros(len(rep.mine))
    for i in range(rep.able):
        if off[i] < 0.0:
            wanted[at[i]] += 1
            for d in range(len(begin)):
                begin[d] += rep.use[d, i]
    best = _distance(rep, begin)
    near = np.empty(CORE + 1, np.int64)
    few = _nearest(rep, off, best, near)
    outside = abs(off[near[CORE]]) if few > CORE else np.inf
    few = min(few, CORE)
    regret, change = np.empty(few), np.empty((few, len(begin)))
    for j in range(few):
        i = near[j]
        regret[j] = abs(off[i])
        for d in range(len(begin)):
            change[j, d] = -rep.use[d, i] if off[i] < 0.0 else rep.use[d, i]
    core = _Core(regret, change, begin)
    chosen, depth = np.empty(CORE, np.int64), 0
    best, depth = _one_or_two(rep, core, best, chosen)
    best, depth, least = _any_number(rep, core, best, chosen, depth, nodes)
    for j in range(depth):
        i = near[chosen[j]]
        wanted[at[i]] += -1 if off[i] < 0.0 else 1
    return min(best, least, outside)


@compiled
def _nearest(rep: _Rep, off: Floats, most: float, near: Ints) -> int:
    """Fill `near` with accounts whose reduced costs are below the most, the smallest first; how many those are.

    A sort of one's own, as Numba's takes seconds to compile.
    """
    few = 0
    for i in range(rep.able):
        mine = abs(off[i])
        if mine >= most or (few == len(near) and mine >= abs(off[near[few - 1]])):
            continue
        j = min(few, len(near) - 1)
        while j > 0 and abs(off[near[j - 1]]) > mine:
            near[j] = near[j - 1]
            j -= 1
        near[j] = i
        few = min(few + 1, len(near))
    return few


@compiled
def _one_or_two(rep: _Rep, core: _Core, best: float, chosen: Ints) -> tuple[float, int]:
    """Single exceptions and pairs: the sooner a good set is known, the fewer are left to look at."""
    depth, one, two = 0, core.begin.copy(), core.begin.copy()
    for j in range(len(core.regret)):
        if core.regret[j] >= best:
            break
        _add(core.begin, core.change[j], one)
        found = core.regret[j] + _distance(rep, one)
        if found < best:
            best, depth = found, 1
            chosen[0] = j
        for other in range(j + 1, len(core.regret)):
            paid = core.regret[j] + core.regret[other]
            if paid >= best:
                break
            _add(one, core.change[other], two)
            found = paid + _distance(rep, two)
            if found < best:
                best, depth = found, 2
                chosen[0], chosen[1] = j, other
    return best, depth


@compiled
def _any_number(rep: _Rep, core: _Core, best: float, chosen: Ints, depth: int, nodes: int) -> tuple[float, int, float]:
    """All sets of exceptions that cost less than the best by their regrets alone; what those left out cost at least."""
    size, level, seen = len(core.regret), 0, 0
    sums, paid = np.empty((size + 1, len(core.begin))), np.zeros(size + 1)
    picked, following = np.empty(size, np.int64), np.zeros(size + 1, np.int64)
    sums[0] = core.begin
    while level >= 0:
        j = following[level]
        if j >= size or paid[level] + core.regret[j] >= best:
            level -= 1
            continue
        seen += 1
        if seen > nodes:
            break
        following[level], following[level + 1], picked[level] = j + 1, j + 1, j
        level += 1
        _add(sums[level - 1], core.change[j], sums[level])
        paid[level] = paid[level - 1] + core.regret[j]
        found = paid[level] + _distance(rep, sums[level])
        if found < best:
            best, depth = found, level
            for at in range(level):
                chosen[at] = picked[at]
    least = np.inf
    for upper in range(level + 1):
        if following[upper] < size:
            least = min(least, paid[upper] + core.regret[following[upper]])
    return best, depth, least


@compiled
def _add(some: Floats, more: Floats, total: Floats) -> None:
    for d in range(len(total)):
        total[d] = some[d] + more[d]


@compiled
def _distance(rep: _Rep, sums: Floats) -> float:
    """What a set with these sums costs more than the prices say; infinite if it exceeds the limit."""
    if sums[0] > rep.room:
        return np.inf
    found = rep.mine[0] * (rep.room - sums[0]) if rep.room < np.inf else 0.0
    for b in range(len(rep.price)):
        off, mine, free = sums[1 + b] - rep.target[b], rep.mine[1 + b], rep.tolerance[b]
        found += rep.price[b] * max(abs(off) - free, 0.0) - mine * off + abs(mine) * free
    return max(found, 0.0)
