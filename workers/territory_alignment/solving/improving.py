"""Local search: the best exchange of up to two accounts against up to two between two reps, until there is none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workers.territory_alignment.solving.geography import Floats, Ints
from workers.territory_alignment.solving.model import Model, room

LEAST = 1e-9
"""Points that a move must gain; less may be rounding, and could go round in circles."""
WIDE = 22
"""Accounts of a rep that exchanges of two look at."""
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
        self._room = room(model.limit)
        dearest = float(np.ptp(model.cost[np.isfinite(model.cost)]))
        self._over = (
            OVERLOAD * max(dearest, 1.0) / np.where(np.isfinite(model.limit) & (model.limit > 0), model.limit, 1.0)
        )
        self._near = _Near(model, owner) if len(model.pairs) else None
        self._stale: set[int] = set()
        self._version = [0] * reps
        self._tried: dict[tuple[int, int, int], tuple[int, int]] = {}
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

    def worth_trying(self, rep: int, other: int, most: int = 1) -> bool:
        """Whether any exchange of at most so many accounts each way could gain at all."""
        there, back = (min(one, most * one) for one in (self.nearest[rep, other], self.nearest[other, rep]))
        return bool(min(there, back, there + back) < self.points(rep) + self.points(other) - LEAST)

    def best_move(self, rep: int, other: int, most: int = 1) -> tuple[float, list[int], list[int]]:
        """Points gained (negative), the accounts that `rep` gives and those it gets, at most so many (1 or 2) each way."""
        model = self.model
        ours = _Options(self.members[rep], self._moving(self.members[rep], rep, other), most)
        theirs = _Options(self.members[other], self._moving(self.members[other], other, rep), most)
        change = ours.costs[:, None] + theirs.costs
        if self._near is not None:
            ours_near, theirs_near = (self._near.joint(one.accounts, one.accounts) for one in (ours, theirs))
            change -= ours.within(ours_near)[:, None] + theirs.within(theirs_near)
            change += ours.across(theirs, self._near.joint(ours.accounts, theirs.accounts))
        for k, sign in ((rep, 1.0), (other, -1.0)):
            out, into = ours.sums(model.work[ours.accounts, k]), theirs.sums(model.work[theirs.accounts, k])
            load = self.load[k] + sign * (into - out[:, None])
            change += np.maximum(load - self._room[k], 0.0) * self._over[k]
        for balance, sums in zip(model.balances, self.sums, strict=True):
            moved = theirs.sums(balance.amount[theirs.accounts]) - ours.sums(balance.amount[ours.accounts])[:, None]
            for k, sign in ((rep, 1.0), (other, -1.0)):
                off = np.abs(sums[k] - balance.target[k] + sign * moved) - balance.tolerance[k]
                change += balance.price * np.maximum(off, 0.0)
        i, j = divmod(int(change.argmin()), len(theirs.costs))
        return float(change[i, j]) - self.points(rep) - self.points(other), ours.chosen(i), theirs.chosen(j)

    def exchange(self, rep: int, other: int, most: int) -> bool:
        """Make the best moves between two reps until none gains; whether there was one."""
        key, found = (min(rep, other), max(rep, other), most), False
        while self._tried.get(key) != (versions := (self._version[key[0]], self._version[key[1]])):
            gained, gives, gets = self.best_move(rep, other, most)
            if not gained < -LEAST:
                self._tried[key] = versions
                return found
            found = True
            for account in gives:
                self.give(account, other)
            for account in gets:
                self.give(account, rep)
        return found

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
        for k in self._stale:
            self._version[k] += 1

    def settle(self) -> set[int]:
        """Renew what is kept of reps whose accounts, or their neighbours, changed; those reps."""
        renewed, self._stale = self._stale, set()
        for k in renewed:
            self.nearest[k] = self._row(k)
        return renewed


class _Options:
    """What a rep can give to another: nothing, one account, or two; the cheapest where there are many."""

    def __init__(self, accounts: Ints, costs: Floats, most: int) -> None:
        if most > 1 and len(accounts) > WIDE:
            cheapest = np.sort(np.argpartition(costs, WIDE)[:WIDE])
            accounts, costs = accounts[cheapest], costs[cheapest]
        self.accounts = accounts
        count = len(accounts)
        one, two = np.triu_indices(count, 1) if most > 1 else (np.empty(0, int), np.empty(0, int))
        # -1 is nobody: the zero that `sums` appends.
        self._first = np.concatenate([[-1], np.arange(count), one])
        self._second = np.concatenate([np.full(count + 1, -1), two])
        self.costs = self.sums(costs)

    def sums(self, amounts: Floats) -> Floats:
        """Of each option, the sum of its accounts' amounts."""
        padded = np.append(amounts, 0.0)
        found: Floats = padded[self._first] + padded[self._second]
        return found

    def within(self, joint: Floats) -> Floats:
        """Of each option, what its two accounts have jointly."""
        found: Floats = np.pad(joint, (0, 1))[self._first, self._second]
        return found

    def across(self, others: _Options, joint: Floats) -> Floats:
        """Options x options: what their accounts have jointly."""
        padded = np.pad(joint, (0, 1))
        rows = padded[self._first] + padded[self._second]
        found: Floats = rows[:, others._first] + rows[:, others._second]
        return found

    def chosen(self, option: int) -> list[int]:
        """The accounts of an option."""
        return [int(self.accounts[k]) for k in (self._first[option], self._second[option]) if k >= 0]


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
        """What two neighbours that change places cost more than both moves by themselves; so much less if they go together."""
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


def improve(
    state: State, random: np.random.Generator, reps: Ints, *, over: Callable[[], bool], most: int = 2
) -> set[int]:
    """Exchange accounts between these reps and all others until nothing gains; the reps that were touched.

    First one account against one, then (if `most` is 2) up to two against two.
    """
    touched = set[int]()
    for size in range(1, most + 1):
        waiting = [int(k) for k in random.permutation(np.union1d(reps, np.array(sorted(touched), np.int64)))]
        while waiting and not over():
            rep = waiting.pop()
            for other in random.permutation(state.model.size[1]).tolist():
                if other == rep or not state.worth_trying(rep, other, size) or over():
                    continue
                if state.exchange(rep, other, size):
                    renewed = state.settle()
                    touched |= renewed
                    waiting += [k for k in sorted(renewed) if k not in waiting]
    return touched
