"""Large neighbourhoods: all accounts of reps that compete are planned anew at once, where the proven gap comes from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.territory_alignment.solving.bounding import Prices, regret
from workers.territory_alignment.solving.exactly import Flags, solve_exactly
from workers.territory_alignment.solving.geography import Floats, Ints
from workers.territory_alignment.solving.improving import State
from workers.territory_alignment.solving.model import Balance, Model, room, totals

NODES = 100
"""Of the branch-and-bound tree of one neighbourhood."""
FEWEST, MOST = 150, 2_500
"""Pairs of account and rep in a neighbourhood; the number follows what HiGHS finishes."""


@dataclass(frozen=True)
class Part:
    """The accounts of some reps as a problem of their own; all others stay where they are."""

    model: Model
    accounts: Ints
    """Positions in the whole."""
    reps: Ints
    """Likewise."""


def part_of(state: State, reps: Ints) -> Part:
    """The problem of some reps with all their accounts."""
    whole, reps = state.model, np.sort(reps)
    accounts = np.sort(np.concatenate([state.members[k] for k in reps]))
    grid = np.ix_(accounts, reps)
    cost, pairs = whole.cost[grid], whole.pairs
    if len(pairs):
        at = np.full(whole.size[0], -1)
        at[accounts] = np.arange(len(accounts))
        inside = at[pairs] >= 0
        cost = cost.copy()
        # A neighbour outside stays, so it makes its own rep cheaper by what a split costs.
        for here, there in ((0, 1), (1, 0)):
            for i, j in pairs[inside[:, here] & ~inside[:, there]][:, [here, there]]:
                cost[at[i], reps != state.owner[j]] += whole.pair_price
        pairs = at[pairs[inside.all(axis=1)]]
    balances = tuple(
        Balance(one.amount[accounts], one.target[reps], one.tolerance[reps], one.price) for one in whole.balances
    )
    return Part(Model(cost, whole.work[grid], whole.limit[reps], balances, pairs, whole.pair_price), accounts, reps)


def excess(state: State, prices: Prices, costs: Floats) -> Floats:
    """By rep, its part of the distance from value to bound; none is negative, and they add up to it (pairs apart).

    It comes from accounts that are with a rep who is not the cheapest at these prices, from room that has a price and is
    not used, and from amounts that are not where the price of balance says.
    """
    model, owner = state.model, state.owner
    off = costs[np.arange(len(owner)), owner] - costs.min(axis=1)
    found = totals(owner, off, model.size[1])
    found += np.where(
        prices.load > 0, prices.load * (np.where(np.isinf(model.limit), 0, model.limit) - state.load), 0.0
    )
    for price, balance, sums in zip(prices.balance, model.balances, state.sums, strict=True):
        found += balance.points(sums) - price * (sums - balance.target) + np.abs(price) * balance.tolerance
    return np.maximum(found, 0.0)


class Neighbourhoods:
    """Chooses neighbourhoods by chance, more often where the gap is, and learns how large they can be."""

    def __init__(self, prices: Prices, costs: Floats, bound: float, random: np.random.Generator) -> None:
        """Prices, reduced costs and bound are the relaxation's."""
        self._prices, self._costs, self._bound, self._random = prices, costs, bound, random
        self._regret = regret(costs)
        self._pairs = 600.0

    def try_one(self, state: State, value: float, seconds: float | None) -> Ints | None:
        """Plan one neighbourhood anew; the reps whose accounts changed, None if nothing better was found.

        `value` is the best plan's: its distance to the bound is the measure of which pairs are worth a look.
        """
        width = max(value - self._bound, 1e-6) * 10 ** self._random.uniform(-1.7, -0.3)
        reps = self._choose(state, width)
        if len(reps) < 2:
            return None
        part = part_of(state, reps)
        local = {int(k): j for j, k in enumerate(part.reps)}
        now = np.array([local[int(k)] for k in state.owner[part.accounts]])
        pairs = self._useful(part, now, width)
        found = solve_exactly(part.model, pairs, seconds=seconds, nodes=NODES)
        self._pairs = float(np.clip(self._pairs * (1.04 if found.finished else 0.9), FEWEST, MOST))
        if found.owner is None:
            return None
        before, after = part.model.value(now), part.model.value(found.owner)
        if not after < before - 1e-9:
            return None
        for i in np.flatnonzero(found.owner != now):
            state.give(int(part.accounts[i]), int(part.reps[found.owner[i]]))
        return np.array(sorted(state.settle()))

    def _choose(self, state: State, width: float) -> Ints:
        """A rep by its part of the gap, and those it competes with, until there are pairs enough."""
        model = state.model
        over = np.flatnonzero(state.load > room(state.model.limit))
        weight = excess(state, self._prices, self._costs) + 1e-12
        first = (
            int(self._random.choice(over))
            if len(over)
            else int(self._random.choice(len(weight), p=weight / weight.sum()))
        )
        close = (self._regret <= width) & np.isfinite(model.cost)
        chosen, pairs = [first], 0
        # How many accounts of each rep each other rep could have, too.
        shared = np.zeros(model.size[1])
        inside = np.zeros(model.size[1], bool)
        inside[first] = True
        while True:
            mine = state.members[chosen[-1]]
            shared += close[mine].sum(axis=0)
            here = np.concatenate([state.members[k] for k in chosen])
            pairs = int(close[np.ix_(here, np.flatnonzero(inside))].sum())
            others = np.where(inside, 0.0, shared)
            if pairs >= self._pairs or not others.any() or inside.all():
                return np.array(chosen)
            following = int(self._random.choice(len(others), p=others / others.sum()))
            chosen.append(following)
            inside[following] = True

    def _useful(self, part: Part, now: Ints, width: float) -> Flags:
        costs = self._regret[np.ix_(part.accounts, part.reps)]
        useful: Flags = costs <= np.maximum(costs.min(axis=1, keepdims=True), 0.0) + width
        useful[np.arange(len(now)), now] = True
        return useful
