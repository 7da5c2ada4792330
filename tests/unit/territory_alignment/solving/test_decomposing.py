from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.territory_alignment.solving.helpers import best_by_looking, model
from workers.territory_alignment.solving import rep_sets
from workers.territory_alignment.solving.bounding import Prices, reduced
from workers.territory_alignment.solving.compiled import arrays
from workers.territory_alignment.solving.decomposing import Decomposition, raise_bound
from workers.territory_alignment.solving.geography import Floats
from workers.territory_alignment.solving.model import Model, build
from workers.territory_alignment.solving.organisation import Weights
from workers.territory_alignment.solving.relaxing import relax
from workers.territory_alignment.solving.sample import sample_organisation

few = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(0, 10_000)


def best_set(problem: Model, rep: int, price_of: Floats) -> float:
    """What the rep's best set of accounts is worth, by looking at all."""
    able = np.flatnonzero(np.isfinite(problem.cost[:, rep]))
    worth: list[float] = []
    for size in range(len(able) + 1):
        for some in itertools.combinations(able, size):
            mine = np.array(some, int)
            if problem.work[mine, rep].sum() > problem.limit[rep]:
                continue
            points = (problem.cost[mine, rep] - price_of[mine]).sum()
            for balance in problem.balances:
                off = abs(balance.amount[mine].sum() - balance.target[rep]) - balance.tolerance[rep]
                points += balance.price * max(off, 0.0)
            worth.append(points)
    return min(worth)


@few
@given(seed=seeds, scale=st.floats(0, 8))
def test_the_best_set_of_each_rep_is_found_whatever_accounts_cost(seed: int, scale: float) -> None:
    problem = model(seed, 8, 3)
    price_of = np.random.default_rng(seed).uniform(0, scale, 8)
    wanted, by_rep = np.zeros(8, np.int64), np.zeros((3, 3))
    parts, _ = rep_sets.best_sets(arrays(problem, problem.cost, reps_first=True), price_of, by_rep, wanted, 10_000)
    assert parts == pytest.approx(sum(best_set(problem, rep, price_of) for rep in range(3)), abs=1e-7)
    assert ((wanted >= 0) & (wanted <= 3)).all()


@few
@given(seed=seeds, pairs=st.booleans())
def test_each_step_gives_a_bound_that_no_plan_falls_below(seed: int, pairs: bool) -> None:
    problem = model(seed, 6, 3, pairs=pairs)
    best = best_by_looking(problem)
    relaxed = relax(problem, Prices.zero(problem), left=lambda: None)
    steps = Decomposition(problem, relaxed.prices, reduced(problem, relaxed.prices))
    for _ in range(30):
        steps.step(best)
        assert steps.bound <= best + 1e-9


def test_looking_at_few_exceptions_weakens_the_bound_and_keeps_it_true(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = model(12, 8, 3)
    price_of = np.full(8, 3.0)
    numbers = arrays(problem, problem.cost, reps_first=True)
    exact, few = (
        rep_sets.best_sets(numbers, price_of, np.zeros((3, 3)), np.zeros(8, np.int64), nodes)[0]
        for nodes in (10_000, 1)
    )
    # As Python, where what is compiled as a constant can be changed.
    monkeypatch.setattr(rep_sets, "CORE", 1)
    for name, function in vars(rep_sets).copy().items():
        if hasattr(function, "py_func"):
            monkeypatch.setattr(rep_sets, name, function.py_func)
    weak, _ = rep_sets.best_sets(numbers, price_of, np.zeros((3, 3)), np.zeros(8, np.int64), 1)
    assert weak <= few < exact


def test_the_bound_rises_above_the_relaxation() -> None:
    problem = build(sample_organisation(12, 200, 4), Weights())
    relaxed = relax(problem, Prices.zero(problem), left=lambda: None)
    told: list[float] = []
    steps = Decomposition(problem, relaxed.prices, reduced(problem, relaxed.prices))
    raise_bound(steps, value=lambda: float("inf"), over=lambda: False, better=told.append, steps=200)
    assert told == sorted(told)
    assert told[-1] == steps.bound > 1.0005 * relaxed.bound
