from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.territory_alignment.solving.helpers import model
from workers.territory_alignment.solving import annealing
from workers.territory_alignment.solving.annealing import Annealing
from workers.territory_alignment.solving.bounding import Prices
from workers.territory_alignment.solving.geography import Ints
from workers.territory_alignment.solving.model import Model

few = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
seeds = st.integers(0, 10_000)


def any_plan(problem: Model, seed: int) -> Ints:
    random = np.random.default_rng(seed)
    return np.array([random.choice(np.flatnonzero(np.isfinite(row))) for row in problem.cost], np.int64)


def seen(problem: Model, start: Ints, *, gap: float, moves: int, seed: int = 1) -> list[Ints]:
    """The plans that one round shows."""
    found: list[Ints] = []
    prepared = Annealing(problem, problem.cost, gap, seed)
    prepared.round(
        start, Prices.zero(problem), moves, over=lambda: False, better=lambda plan: found.append(plan.copy())
    )
    return found


@few
@given(seed=seeds, pairs=st.booleans())
def test_what_moves_cost_is_what_they_change(seed: int, pairs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cold, only moves that gain are made; if one cost something else than it says, the plan would get worse."""
    monkeypatch.setattr(annealing, "HOT", 1e-9)
    monkeypatch.setattr(annealing, "COLD", 1e-10)
    problem = model(seed, 40, 6, pairs=pairs, tight=9.0)
    start = any_plan(problem, seed)
    values = [problem.value(plan) for plan in [start, *seen(problem, start, gap=1.0, moves=6_000)]]
    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0]
    assert np.isfinite(values).all(), "no account goes where it may not"


def test_a_round_ends_with_a_good_plan_that_keeps_the_limits() -> None:
    problem = model(5, 60, 6, tight=1.1)
    start = any_plan(problem, 5)
    plans = seen(problem, start, gap=6.0, moves=200_000)
    assert problem.overload(start) > 0
    assert problem.overload(plans[-1]) == 0
    cold = seen(problem, plans[-1], gap=1e-6, moves=20_000)
    assert problem.value(plans[-1]) < 1.05 * problem.value(cold[-1])


def test_a_seed_repeats_a_round() -> None:
    problem = model(6, 40, 5)
    start = any_plan(problem, 6)
    first, again, other = (seen(problem, start, gap=3.0, moves=20_000, seed=seed)[-1] for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()
