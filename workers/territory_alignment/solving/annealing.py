"""Simulated annealing: single accounts move, or two change places, worse plans now and then accepted.

Kirkpatrick, Gelatt and Vecchi, "Optimization by Simulated Annealing", Science 220, 1983. Reduced costs say which reps an
account may go to at all, and the gap per rep what is warm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from workers.territory_alignment.solving.bounding import Prices, regret
from workers.territory_alignment.solving.compiled import Arrays, arrays, compiled
from workers.territory_alignment.solving.geography import Floats, Ints
from workers.territory_alignment.solving.model import Model

HOT, COLD = 1.5, 0.01
"""Temperatures at which a round begins and ends, in shares of the gap of a rep."""
WIDTH = 12.0
"""A pair is looked at if its reduced cost is below so many gaps of a rep."""
FEWEST = 3
"""Reps that an account may go to, whatever their reduced cost, where the rules allow so many."""
SWAPS = 0.6
"""Share of moves in which another account comes back."""
PARTS = 60
"""Of a round, after each of which the clock and the best plan are looked at."""
DEARER, CHEAPER = 1.3, 0.95
"""What the price of overload is multiplied by after a part of a round, where there is some and where there is none."""
LAST = 0.3
"""The part of a round in which it does not fall any more, so that the round ends with a plan that keeps the limits."""


class _Near(NamedTuple):
    """Lists of different length, one behind the other."""

    start: Ints
    """Where the list of each account begins; one more for the end."""
    what: Ints


class _State(NamedTuple):
    """Sums and members of a plan."""

    load: Floats
    sums: Floats
    """B x m."""
    size: Ints
    """By rep, how many accounts it has."""
    members: Ints
    """m x n, of which `size` are used."""
    place: Ints
    """Where each account is among its rep's members."""


class Annealing:
    """A problem, prepared for rounds of annealing."""

    def __init__(self, model: Model, costs: Floats, gap: float, seed: int) -> None:
        """Prepare a problem.

        Args:
            model: the problem.
            costs: reduced ones, n x m.
            gap: points from a plan to the bound, which says what is warm.
            seed: of the moves.
        """
        self._model, self._arrays, self._seed = model, arrays(model, model.cost), seed
        accounts, reps = model.size
        self._unit = max(gap, 1e-9) / reps
        dearer = regret(costs)
        near = dearer <= WIDTH * self._unit
        few = min(FEWEST, reps)
        np.put_along_axis(near, np.argpartition(dearer, few - 1, axis=1)[:, :few], True, axis=1)
        near &= np.isfinite(model.cost)
        rows, columns = np.nonzero(near)
        self._candidates = _Near(np.searchsorted(rows, np.arange(accounts + 1)), columns)
        self._free = np.flatnonzero(near.sum(axis=1) > 1)
        both = np.concatenate([model.pairs, model.pairs[:, ::-1]])
        both = both[np.argsort(both[:, 0], kind="stable")]
        self._beside = _Near(np.searchsorted(both[:, 0], np.arange(accounts + 1)), np.ascontiguousarray(both[:, 1]))

    def round(
        self, owner: Ints, prices: Prices, moves: int, *, over: Callable[[], bool], better: Callable[[Ints], object]
    ) -> Ints:
        """The plan after one round from hot to cold.

        Args:
            owner: where it begins.
            prices: what a unit of a limit is worth: overload costs a multiple of it.
            moves: to be tried, all together.
            over: asked after each part; ends the round.
            better: called after each part with the plan at that time, which may break limits.
        """
        owner = owner.copy()
        base = self._least(prices)
        dear = 2.0 * base
        warmth = HOT * self._unit * (COLD / HOT) ** np.linspace(0, 1, PARTS + 1)
        for part in range(PARTS if len(self._free) else 0):
            if over():
                break
            self._seed += 1
            _anneal(
                owner, self._arrays, dear, self._free, self._candidates, self._beside, self._model.pair_price,
                max(moves // PARTS, 1), warmth[part], warmth[part + 1], self._seed,
            )  # fmt: skip
            full = self._model.loads(owner) > self._arrays.room
            dear = np.maximum(np.where(full, DEARER, CHEAPER if part < (1 - LAST) * PARTS else 1.0) * dear, base)
            better(owner)
        return owner

    def _least(self, prices: Prices) -> Floats:
        """By rep, the least price of a unit of overload: more than the limit is worth, and than a usual account is warm."""
        usual = float(np.median(self._arrays.work[np.isfinite(self._arrays.cost)]))
        return np.asarray(np.maximum(1.2 * prices.load, self._unit / max(usual, 1e-12)))


@compiled
def _anneal(
    owner: Ints,
    arrays: Arrays,
    dear: Floats,
    free: Ints,
    candidates: _Near,
    beside: _Near,
    pair_price: float,
    moves: int,
    hot: float,
    cold: float,
    seed: int,
) -> None:
    """Try moves, from hot to cold; `owner` is changed in place."""
    np.random.seed(seed)  # Numba compiles this generator; it is the thread's own.
    state = _state(owner, arrays)
    warmth, cooling = hot, (cold / hot) ** (1.0 / moves)
    for _ in range(moves):
        warmth *= cooling
        i = free[np.random.randint(len(free))]
        first = candidates.start[i]
        k = candidates.what[first + np.random.randint(candidates.start[i + 1] - first)]
        a = owner[i]
        if k == a:
            continue
        j = -1
        if state.size[k] > 0 and np.random.random() < SWAPS:
            j = state.members[k, np.random.randint(state.size[k])]
        change = _change(arrays, state, dear, i, a, j, k)
        if pair_price > 0.0:
            change += pair_price * _split(beside, owner, i, a, k, j)
            if j >= 0:
                change += pair_price * _split(beside, owner, j, k, a, i)
        if change <= 0.0 or np.random.random() < np.exp(-change / warmth):
            _move(owner, arrays, state, i, a, j, k)


@compiled
def _state(owner: Ints, arrays: Arrays) -> _State:
    accounts, reps = arrays.cost.shape
    load, sums = np.zeros(reps), np.zeros((len(arrays.price), reps))
    count, place = np.zeros(reps, np.int64), np.empty(accounts, np.int64)
    members = np.empty((reps, accounts), np.int64)
    for i in range(accounts):
        k = owner[i]
        members[k, count[k]] = i
        place[i] = count[k]
        count[k] += 1
        load[k] += arrays.work[i, k]
        sums[:, k] += arrays.amounts[:, i]
    return _State(load, sums, count, members, place)


@compiled
def _change(arrays: Arrays, state: _State, dear: Floats, i: int, a: int, j: int, k: int) -> float:
    """What it costs that account i goes from rep a to k, and j (-1: none) from k to a; neighbours apart."""
    cost, work, load = arrays.cost, arrays.work, state.load
    change: float = cost[i, k] - cost[i, a]
    left, right = -work[i, a], work[i, k]
    if j >= 0:
        change += cost[j, a] - cost[j, k]
        left += work[j, a]
        right -= work[j, k]
    change += dear[a] * (max(load[a] + left - arrays.room[a], 0.0) - max(load[a] - arrays.room[a], 0.0))
    change += dear[k] * (max(load[k] + right - arrays.room[k], 0.0) - max(load[k] - arrays.room[k], 0.0))
    for b in range(len(arrays.price)):
        moved = arrays.amounts[b, i] - (arrays.amounts[b, j] if j >= 0 else 0.0)
        points = 0.0
        for rep, more in ((a, -moved), (k, moved)):
            off, free = state.sums[b, rep] - arrays.target[b, rep], arrays.tolerance[b, rep]
            points += max(abs(off + more) - free, 0.0) - max(abs(off) - free, 0.0)
        change += arrays.price[b] * points
    return change


@compiled
def _split(beside: _Near, owner: Ints, account: int, before: int, after: int, apart: int) -> int:
    """Neighbours that a move splits more than it joins; `apart`, who changes places with the account, stays split."""
    found = 0
    for at in range(beside.start[account], beside.start[account + 1]):
        other = beside.what[at]
        if other != apart:
            found += (owner[other] == before) - (owner[other] == after)
    return found


@compiled
def _move(owner: Ints, arrays: Arrays, state: _State, i: int, a: int, j: int, k: int) -> None:
    members, place, size = state.members, state.place, state.size
    owner[i] = k
    state.load[a] -= arrays.work[i, a]
    state.load[k] += arrays.work[i, k]
    for b in range(len(arrays.price)):
        state.sums[b, a] -= arrays.amounts[b, i]
        state.sums[b, k] += arrays.amounts[b, i]
    if j >= 0:
        owner[j] = a
        state.load[a] += arrays.work[j, a]
        state.load[k] -= arrays.work[j, k]
        for b in range(len(arrays.price)):
            state.sums[b, a] += arrays.amounts[b, j]
            state.sums[b, k] -= arrays.amounts[b, j]
        members[a, place[i]], members[k, place[j]] = j, i
        place[i], place[j] = place[j], place[i]
        return
    size[a] -= 1
    last = members[a, size[a]]
    members[a, place[i]], place[last] = last, place[i]
    members[k, size[k]], place[i] = i, size[k]
    size[k] += 1
