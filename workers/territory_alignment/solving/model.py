"""The arithmetic of a plan: a generalised assignment problem with balance and contiguity in its objective.

    minimise   sum_i c[i, k(i)] + sum_b p_b sum_k max(0, |S_b(k) - T_b(k)| - t_b(k)) + q sum_(i,j) [k(i) != k(j)]
    so that    sum_{i of k} w[i, k] <= l(k) for each rep k,  c[i, k(i)] finite for each account i

where S_b(k) is what rep k has of amount b (hours, money), T_b(k) what would be even and (i, j) runs over neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from workers.territory_alignment.solving.geography import Floats, Ints, distances, neighbours
from workers.territory_alignment.solving.organisation import Account, Organisation, Rep, Weights

YEARS = 5.0
"""A relationship counts one for the account, and one for each year up to so many."""
SLACK = 1e-9
"""Relative; a load may exceed its limit by so much, as sums of fractions do."""


def room(limit: Floats) -> Floats:
    """By rep, how high a load may be: the limit and what rounding adds."""
    return limit * (1 + SLACK) + SLACK


@dataclass(frozen=True)
class Balance:
    """An amount that is to be spread evenly."""

    amount: Floats
    """By account."""
    target: Floats
    """By rep."""
    tolerance: Floats
    """By rep: the deviation that is free."""
    price: float
    """Points for each unit of deviation beyond it."""

    def points(self, sums: Floats) -> Floats:
        """What sums cost; any shape whose last axis is reps."""
        found: Floats = self.price * np.maximum(np.abs(sums - self.target) - self.tolerance, 0.0)
        return found


@dataclass(frozen=True)
class Model:
    """A problem in numbers: n accounts, m reps."""

    cost: Floats
    """n x m points; infinite where the pair is not allowed."""
    work: Floats
    """n x m: what the account takes of the rep's limit."""
    limit: Floats
    """By rep; infinite where there is none."""
    balances: tuple[Balance, ...] = ()
    pairs: Ints = field(default_factory=lambda: np.empty((0, 2), np.int64))
    """Neighbours, as rows of two accounts."""
    pair_price: float = 0.0
    """Points for each pair of neighbours that is split."""
    step: float = 0.0
    """Values of plans are multiples of it, so bounds are rounded up to one; 0 if nothing is known."""

    @property
    def size(self) -> tuple[int, int]:
        """Accounts, reps."""
        return self.cost.shape[0], self.cost.shape[1]

    def loads(self, owner: Ints) -> Floats:
        """By rep, in units of the limit; an account with owner -1 counts nowhere."""
        return totals(owner, self.work[np.arange(len(owner)), owner], self.size[1])

    def sums(self, owner: Ints, balance: Balance) -> Floats:
        """By rep, what it has of an amount; an account with owner -1 counts nowhere."""
        return totals(owner, balance.amount, self.size[1])

    def overload(self, owner: Ints) -> float:
        """How much the loads exceed the limits, all reps together; 0 if a plan keeps them."""
        over = self.loads(owner) - self.limit
        return float(np.where(over > SLACK * np.maximum(self.limit, 1.0), over, 0.0).sum())

    def value(self, owner: Ints) -> float:
        """Points of a plan, each account's rep by position; infinite if a hard rule is broken."""
        if self.overload(owner) > 0 or (owner < 0).any():
            return float("inf")
        points = self.cost[np.arange(len(owner)), owner].sum()
        points += sum(balance.points(self.sums(owner, balance)).sum() for balance in self.balances)
        return float(points + self.pair_price * (owner[self.pairs[:, 0]] != owner[self.pairs[:, 1]]).sum())


def build(organisation: Organisation, weights: Weights) -> Model:
    """The model of an organisation. All points are shares of totals, so that scenarios can be compared."""
    accounts, reps = organisation.accounts, organisation.reps
    work = np.array([account.workload for account in accounts])
    potential = np.array([account.potential for account in accounts])
    share = shares(work)
    km = distances(places(accounts), places(reps))
    cost = weights.travel * share[:, None] * km
    cost += moving(organisation, weights)[:, None] * (owners(organisation)[:, None] != np.arange(len(reps)))
    cost[~allowed(organisation)] = np.inf
    even = shares(np.array([rep.capacity for rep in reps]))
    return Model(
        cost=cost,
        work=np.broadcast_to(work[:, None], cost.shape),
        limit=limits(organisation),
        balances=tuple(
            _balance(amount, even, weight, weights.tolerance)
            for amount, weight in ((work, weights.workload), (potential, weights.potential))
            if weight and amount.sum()
        ),
        pairs=(pairs := neighbours(places(accounts))) if weights.contiguity else np.empty((0, 2), np.int64),
        pair_price=weights.contiguity * 100.0 / max(len(pairs), 1) if weights.contiguity else 0.0,
    )


def _balance(amount: Floats, even: Floats, weight: float, tolerance: float) -> Balance:
    target = amount.sum() * even
    # Half, because what one rep has too much another has too little.
    return Balance(amount, target, tolerance * target, weight * 50.0 / amount.sum())


def totals(owner: Ints, amounts: Floats, reps: int) -> Floats:
    """By rep, the sum of its accounts' amounts; accounts with a negative owner count nowhere."""
    has = owner >= 0
    return np.bincount(owner[has], amounts[has], reps).astype(np.float64)


def shares(amounts: Floats) -> Floats:
    """Shares of the sum; zeros if the sum is zero."""
    total = amounts.sum()
    return amounts / total if total else np.zeros_like(amounts)


def places(things: tuple[Account, ...] | tuple[Rep, ...]) -> Floats:
    """Rows of latitude and longitude."""
    return np.array([(one.latitude, one.longitude) for one in things], dtype=float)


def owners(organisation: Organisation) -> Ints:
    """By account, the position of today's owner; -1 without one, -2 if the owner is not among the reps any more."""
    at = {rep.id: k for k, rep in enumerate(organisation.reps)}
    return np.array([-1 if one.owner is None else at.get(one.owner, -2) for one in organisation.accounts], np.int64)


def relationships(organisation: Organisation) -> Floats:
    """By account, what is lost if it changes hands: 1, and 1 a year up to `YEARS`; 0 without an owner."""
    return np.array(
        [0.0 if one.owner is None else 1.0 + min(one.relationship_years, YEARS) for one in organisation.accounts]
    )


def moving(organisation: Organisation, weights: Weights) -> Floats:
    """By account, the points for its changing hands."""
    return weights.continuity * 100.0 * shares(relationships(organisation))


def limits(organisation: Organisation) -> Floats:
    """By rep, the hours that are never exceeded; infinite where there is no limit."""
    share = organisation.rules.maximum_load
    return np.array(
        [
            rep.maximum_load
            if rep.maximum_load is not None
            else float("inf") if share is None else share * rep.capacity
            for rep in organisation.reps
        ]
    )  # fmt: skip


def needed_skills(organisation: Organisation, account: Account) -> frozenset[str]:
    """What the account and the rules for its industry ask for."""
    return frozenset(account.skills) | organisation.rules.industry_skills.get(account.industry, frozenset())


def allowed(organisation: Organisation) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Accounts x reps: whether skills, languages, named accounts, locks and forbidden pairs allow it."""
    accounts, reps, rules = organisation.accounts, organisation.reps, organisation.rules
    at = {rep.id: k for k, rep in enumerate(reps)}
    row = {account.id: i for i, account in enumerate(accounts)}
    rows: dict[tuple[frozenset[str], frozenset[str]], np.ndarray[tuple[int], np.dtype[np.bool_]]] = {}
    found = np.empty((len(accounts), len(reps)), bool)
    for i, account in enumerate(accounts):
        asks = needed_skills(organisation, account), frozenset(account.languages)
        if asks not in rows:
            skills, languages = asks
            rows[asks] = np.array(
                [skills <= rep.skills and (not languages or bool(languages & rep.languages)) for rep in reps]
            )
        found[i] = rows[asks]
    for some in (rules.named, {account: {rep} for account, rep in rules.locked.items()}):
        for name, team in some.items():
            only = np.zeros(len(reps), bool)
            only[[at[rep] for rep in team]] = True
            found[row[name]] &= only
    for name, rep in rules.forbidden:
        found[row[name], at[rep]] = False
    return found
