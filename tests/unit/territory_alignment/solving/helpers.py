"""Small organisations and models whose best plan can be found by looking at all of them."""

from __future__ import annotations

import itertools

import numpy as np

from workers.territory_alignment.solving.geography import Ints
from workers.territory_alignment.solving.model import Balance, Model
from workers.territory_alignment.solving.organisation import Account, Organisation, Rep, Rules
from workers.territory_alignment.solving.running import Limits

QUICK = Limits(None, 3)
"""No clock, so that the same seed gives the same plan on any machine."""


def model(seed: int, accounts: int, reps: int, *, pairs: bool = False, tight: float = 1.4) -> Model:
    """A model with limits, two balances, forbidden pairs, and neighbours if asked."""
    random = np.random.default_rng(seed)
    cost = random.uniform(0, 10, (accounts, reps))
    # Each account keeps one rep at least.
    cost[(random.random((accounts, reps)) < 0.2) & (np.arange(reps) != (np.arange(accounts) % reps)[:, None])] = np.inf
    work = random.uniform(1, 5, accounts)
    limit = np.full(reps, tight * work.sum() / reps)
    limit[0] = np.inf
    amounts = (work, random.lognormal(0, 1, accounts))
    balances = tuple(
        Balance(amount, np.full(reps, amount.sum() / reps), np.full(reps, share), 2.0)
        for amount, share in zip(amounts, (0.0, 0.2), strict=True)
    )
    near = np.array([(i, i + 1) for i in range(accounts - 1)], np.int64) if pairs else np.empty((0, 2), np.int64)
    return Model(cost, np.broadcast_to(work[:, None], cost.shape), limit, balances, near, 1.5 if pairs else 0.0)


def best_by_looking(problem: Model) -> float:
    """The least points of all plans; infinite if none keeps the limits."""
    accounts, reps = problem.size
    return min(problem.value(np.array(owner)) for owner in itertools.product(range(reps), repeat=accounts))


def rep(name: str, capacity: float = 10.0, **values: object) -> Rep:
    return Rep(name, 50.0, 10.0, capacity, **values)  # type: ignore[arg-type] # whatever a test says of a rep


def account(name: str, workload: float = 1.0, **values: object) -> Account:
    return Account(name, 50.0, 10.0, 100.0, workload, **values)  # type: ignore[arg-type] # likewise


def organisation(accounts: list[Account], reps: list[Rep], rules: Rules | None = None) -> Organisation:
    return Organisation(tuple(accounts), tuple(reps), rules or Rules(maximum_load=None))


def moved(before: Ints, after: Ints) -> int:
    return int((before != after).sum())
