"""Local search: the best shift or swap between two reps, until there is none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workers.territory_alignment.solving.geography import Floats, Ints
from workers.territory_alignment.solving.model import SLACK, Model

LEAST = 1e-9
"""Points that a move must gain; less may be rounding, and could go round in circles."""
OVERLOAD = 1e4
"""Times the dearest pair, for being over one's limit by all of it: so overload goes first."""


class State:
    """A plan under search, with its sums kept up to date. Overload is allowed, at `OVERLOAD`."""

    def __init__(self, model: Model, owner: Ints) -> None:
        """Every account has an owner already."""
        self.model = model
        self.owner = owner.copy()
        reps = model.size[1]
        self.members = [np.flatnonzero(owner == k) for k in range(reps)]
        self.load = model.loads(owner)
        self.sums = [model.sums(owner, balance) for balance in model.balances]
        self._room = model.limit * (1 + SLACK) + SLACK
        dearest = float(np.ptp(model.cost[np.isfinite(model.cost)]))
        self._over = (
            OVERLOAD * max(dearest, 1.0) / np.where(np.isfinite(model.limit) & (model.limit > 0), model.limit, 1.0)
        )
        self._near = _Near(model, owner) if len(model.pairs) else None
        self._stale: set[int] = set()
        self.nearest = np.array([self._row(k) for k in range(reps)])
        """Reps x reps: the least that giving one of one's accounts to another costs, balance and limits apart."""

    def points(self, rep: int) -> float:
        """What one rep's imbalance and overload cost."""
        over = max(self.load[rep] - self._room[rep], 0.0) * self._over[rep]
        return float(over + sum(
            balance.price * max(abs(sums[rep] - balance.target[rep]) - balance.tolerance[rep], 0.0)
            for balance, sums in zip(self.model.balances, self.sums, strict=True)
        ))  # fmt: skip

    def overloaded(self) -> float:
        """How much the loads exceed the limits, all reps together."""
        return float(np.maximum(self.load - self._room, 0.0).sum())

    def _moving(self, accounts: Ints, rep: int, other: int) -> Floats:
        """What giving each of these accounts of `rep` to `other` costs by itself."""
        cost = self.model.cost
        found: Floats = cost[accounts, other] - cost[accounts, rep]
        return found if self._near is None else found + self._near.moving(accounts, rep, other)

    def _row(self, rep: int) -> Floats:
        mine = self.members[rep]
        if not len(mine):
            return np.full(self.model.size[1], np.inf)
        costs = self.model.cost[mine]
        found = costs - costs[:, [rep]]
        if self._near is not None:
            found += self._near.own(mine, rep)
        return np.asarray(found.min(axis=0))

    def worth_trying(self, rep: int, other: int) -> bool:
        """Whether any shift or swap between two reps could gain at all."""
        there, back = self.nearest[rep, other], self.nearest[other, rep]
        return bool(min(there, back, there + back) < self.points(rep) + self.points(other) - LEAST)

    def best_move(self, rep: int, other: int) -> tuple[float, int, int]:
        """Points gained (negative), the account that `rep` gives and the one it gets; -1 for none."""
        model, ours, theirs = self.model, self.members[rep], self.members[other]
        gives, gets = np.append(ours, -1), np.append(theirs, -1)
        change = np.append(self._moving(ours, rep, other), 0.0)[:, None] + np.append(
            self._moving(theirs, other, rep), 0.0
        )
        if self._near is not None:
            change[:-1, :-1] += self._near.joint(ours, theirs)
        for k, sign in ((rep, 1.0), (other, -1.0)):
            out, into = np.append(model.work[ours, k], 0.0), np.append(model.work[theirs, k], 0.0)
            load = self.load[k] + sign * (into - out[:, None])
            change += np.maximum(load - self._room[k], 0.0) * self._over[k]
        for balance, sums in zip(model.balances, self.sums, strict=True):
            moved = np.append(balance.amount[theirs], 0.0) - np.append(balance.amount[ours], 0.0)[:, None]
            for k, sign in ((rep, 1.0), (other, -1.0)):
                off = np.abs(sums[k] - balance.target[k] + sign * moved) - balance.tolerance[k]
                change += balance.price * np.maximum(off, 0.0)
        at = int(change.argmin())
        i, j = divmod(at, len(gets))
        return float(change[i, j]) - self.points(rep) - self.points(other), int(gives[i]), int(gets[j])

    def give(self, account: int, rep: int) -> None:
        """Move one account; `nearest` of those concerned is renewed by `settle`."""
        before = int(self.owner[account])
        self.owner[account] = rep
        self.members[before] = self.members[before][self.members[before] != account]
        self.members[rep] = np.append(self.members[rep], account)
        self.load[before] -= self.model.work[account, before]
        self.load[rep] += self.model.work[account, rep]
        for balance, sums in zip(self.model.balances, self.sums, strict=True):
            sums[before] -= balance.amount[account]
            sums[rep] += balance.amount[account]
        self._stale |= {before, rep}
        if self._near is not None:
            self._stale |= {int(self.owner[other]) for other in self._near.give(account, before, rep)}

    def settle(self) -> set[int]:
        """Renew what is kept of reps whose accounts, or their neighbours, changed; those reps."""
        renewed, self._stale = self._stale, set()
        for k in renewed:
            self.nearest[k] = self._row(k)
        return renewed


class _Near:
    """Of each account, how many neighbours each rep has."""

    def __init__(self, model: Model, owner: Ints) -> None:
        self._price = model.pair_price
        self._beside: list[list[int]] = [[] for _ in owner]
        for i, j in model.pairs:
            self._beside[i].append(int(j))
            self._beside[j].append(int(i))
        self.count = np.zeros(model.size)
        for i, others in enumerate(self._beside):
            np.add.at(self.count[i], owner[others], 1.0)

    def moving(self, accounts: Ints, rep: int, other: int) -> Floats:
        found: Floats = self._price * (self.count[accounts, rep] - self.count[accounts, other])
        return found

    def own(self, accounts: Ints, rep: int) -> Floats:
        """Of each account, what giving it to each rep costs at least: its neighbours may come along in a swap."""
        found: Floats = self._price * (self.count[accounts, rep][:, None] - self.count[accounts])
        return found

    def joint(self, ours: Ints, theirs: Ints) -> Floats:
        """What two accounts that are neighbours and change places cost more than the two moves by themselves."""
        at = {int(account): j for j, account in enumerate(theirs)}
        found = np.zeros((len(ours), len(theirs)))
        for i, account in enumerate(ours):
            for other in self._beside[account]:
                if other in at:
                    found[i, at[other]] = 2 * self._price
        return found

    def give(self, account: int, before: int, rep: int) -> list[int]:
        """Move one account; its neighbours."""
        for other in self._beside[account]:
            self.count[other, before] -= 1
            self.count[other, rep] += 1
        return self._beside[account]


def improve(state: State, random: np.random.Generator, reps: Ints, *, over: Callable[[], bool]) -> set[int]:
    """Shift and swap between these reps and all others until nothing gains; the reps that were touched."""
    waiting, touched = [int(k) for k in random.permutation(reps)], set[int]()
    while waiting and not over():
        rep = waiting.pop()
        others = [
            int(k) for k in random.permutation(state.model.size[1]) if k != rep and state.worth_trying(rep, int(k))
        ]
        for other in others:
            changed = False
            while (move := state.best_move(rep, other))[0] < -LEAST:
                _, gives, gets = move
                if gives >= 0:
                    state.give(gives, other)
                if gets >= 0:
                    state.give(gets, rep)
                changed = True
            if changed:
                renewed = state.settle()
                touched |= renewed
                waiting += [k for k in sorted(renewed) if k not in waiting]
    return touched
