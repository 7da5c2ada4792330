from __future__ import annotations

import pickle
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.territory_alignment.solving.helpers import QUICK, best_by_looking, model
from workers.bench.gap_instances import gap_instance
from workers.territory_alignment.solving.apart import solve_apart
from workers.territory_alignment.solving.bounding import Prices, bound, reduced
from workers.territory_alignment.solving.coring import cheapest
from workers.territory_alignment.solving.errors import InputError, NoTimeError, NoWayError
from workers.territory_alignment.solving.exactly import solve_exactly
from workers.territory_alignment.solving.improving import State, improve
from workers.territory_alignment.solving.model import Balance, Model, build
from workers.territory_alignment.solving.neighbourhoods import Neighbourhoods, excess, part_of
from workers.territory_alignment.solving.organisation import Weights
from workers.territory_alignment.solving.pair_prices import price_pairs
from workers.territory_alignment.solving.relaxing import relax
from workers.territory_alignment.solving.running import Limits, Progress, solve
from workers.territory_alignment.solving.sample import sample_organisation
from workers.territory_alignment.solving.starting import made_whole

few = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(0, 10_000)


@few
@given(seed=seeds, pairs=st.booleans())
def test_small_problems_get_the_best_of_all_plans(seed: int, pairs: bool) -> None:
    problem = model(seed, 6, 3, pairs=pairs)
    best = best_by_looking(problem)
    if not np.isfinite(best):
        with pytest.raises(NoWayError, match="HiGHS has looked at all"):
            solve(problem, QUICK)
        return
    found = solve(problem, QUICK)
    assert found.value == pytest.approx(best, abs=1e-6)
    assert found.relaxed <= found.bound + 1e-9
    assert found.bound <= best + 1e-6
    assert found.gap < 1e-3


@few
@given(seed=seeds, pairs=st.booleans(), scale=st.floats(0, 5))
def test_any_prices_give_a_bound(seed: int, pairs: bool, scale: float) -> None:
    problem = model(seed, 6, 3, pairs=pairs, tight=2.0)
    random = np.random.default_rng(seed)
    prices = Prices(
        random.normal(0, scale, 3),
        tuple(random.normal(0, scale, 3) for _ in problem.balances),
        random.normal(0, scale, (5, 3)) if pairs else None,
    )
    best = best_by_looking(problem)
    assert bound(problem, prices) <= best
    state = State(problem, made_whole(problem, np.zeros(problem.size), problem.cost))
    if state.overloaded() == 0 and not pairs:
        prices = prices.within(problem)
        costs = reduced(problem, prices)
        gap = problem.value(state.owner) - bound(problem, prices, costs)
        assert excess(state, prices, costs).sum() == pytest.approx(gap, abs=1e-6)


@settings(few, max_examples=8)
@given(seed=seeds, pairs=st.booleans())
def test_the_search_never_loses_and_its_sums_stay_true(seed: int, pairs: bool) -> None:
    # Small, as nothing but nodes ends HiGHS here: with 30 accounts it takes minutes on a crowded machine.
    problem = model(seed, 15, 4, pairs=pairs, tight=1.3)
    random = np.random.default_rng(seed)
    relaxed = relax(problem, Prices.zero(problem), left=lambda: None)
    state = State(problem, made_whole(problem, relaxed.share, reduced(problem, relaxed.prices)))
    values = [problem.value(state.owner)]
    around = Neighbourhoods(relaxed.prices, reduced(problem, relaxed.prices), relaxed.bound, random)
    improve(state, random, np.arange(4), over=lambda: False)
    values.append(problem.value(state.owner))
    for _ in range(3):
        around.try_one(state, values[-1], None)
        values.append(problem.value(state.owner))
    assert values == sorted(values, reverse=True)
    assert state.load == pytest.approx(problem.loads(state.owner))
    for kept, balance in zip(state.sums, problem.balances, strict=True):
        assert kept == pytest.approx(problem.sums(state.owner, balance))
    fresh = State(problem, state.owner)
    assert np.where(np.isfinite(fresh.nearest), fresh.nearest, 1e9) == pytest.approx(
        np.where(np.isfinite(state.nearest), state.nearest, 1e9)
    )
    assert values[-1] >= relaxed.bound


def test_a_move_gains_what_it_says() -> None:
    problem = model(3, 30, 5, pairs=True, tight=2.0)
    state = State(problem, np.arange(30) % 5)
    problem = replace(problem, cost=np.where(np.isfinite(problem.cost), problem.cost, 9.0))
    state = State(problem, np.arange(30) % 5)
    for rep, other, most in ((0, 1, 1), (2, 4, 2), (3, 0, 2), (1, 2, 2), (4, 0, 2)):
        before = problem.value(state.owner)
        gained, gives, gets = state.best_move(rep, other, most)
        assert max(len(gives), len(gets)) <= most
        for account in gives:
            state.give(account, other)
        for account in gets:
            state.give(account, rep)
        assert problem.value(state.owner) - before == pytest.approx(gained)


def test_two_against_two_finds_what_one_against_one_cannot() -> None:
    amount = np.array([3.0, 3.0, 1.0, 4.0, 2.0, 1.0])
    # 7 against 7, but 3 + 3 + 1 with the wrong rep each: any single exchange makes it uneven.
    cost = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 9.0], [0.0, 1.0], [0.0, 1.0], [9.0, 0.0]])
    even = Balance(amount, np.full(2, 7.0), np.zeros(2), 5.0)
    problem = Model(cost, np.broadcast_to(amount[:, None], cost.shape), np.full(2, np.inf), (even,))
    state = State(problem, np.array([0, 0, 0, 1, 1, 1]))
    random = np.random.default_rng(1)
    improve(state, random, np.arange(2), over=lambda: False, most=1)
    assert problem.value(state.owner) == 4.0
    improve(state, random, np.arange(2), over=lambda: False, most=2)
    assert problem.value(state.owner) == best_by_looking(problem) == 0.0


def test_a_part_is_worth_what_it_changes_in_the_whole() -> None:
    problem = replace(model(5, 30, 5, pairs=True), limit=np.full(5, np.inf))
    problem = replace(problem, cost=np.where(np.isfinite(problem.cost), problem.cost, 9.0))
    state = State(problem, np.arange(30) % 5)
    part = part_of(state, np.array([1, 3]))
    now = np.searchsorted(part.reps, state.owner[part.accounts])
    other, changed = 1 - now, state.owner.copy()
    changed[part.accounts] = part.reps[other]
    assert part.model.value(other) - part.model.value(now) == pytest.approx(
        problem.value(changed) - problem.value(state.owner)
    )


def test_the_relaxation_agrees_with_the_lp_over_all_pairs() -> None:
    problem = model(7, 40, 6)
    relaxed = relax(problem, Prices.zero(problem), left=lambda: None)
    assert relaxed.solved
    assert relaxed.share.sum(axis=1) == pytest.approx(1.0)
    load = (relaxed.share * problem.work).sum(axis=0)
    assert (load <= problem.limit + 1e-6).all()
    some = relaxed.share > 0
    points = (problem.cost[some] * relaxed.share[some]).sum()
    points += sum(b.points((relaxed.share * b.amount[:, None]).sum(axis=0)).sum() for b in problem.balances)
    assert points == pytest.approx(relaxed.bound, rel=1e-6)


def test_prices_of_neighbours_raise_the_bound() -> None:
    problem = model(8, 40, 6, pairs=True)
    relaxed = relax(problem, Prices.zero(problem), left=lambda: None)
    owner = made_whole(problem, relaxed.share, reduced(problem, relaxed.prices))
    value = problem.value(owner)
    assert problem.overload(owner) == 0
    priced = bound(problem, price_pairs(problem, relaxed.prices, value, over=lambda: False))
    assert relaxed.bound + 1 < priced <= value


def test_medium_problems_come_near_their_bound_and_a_seed_repeats_them() -> None:
    problem = build(sample_organisation(12, 200, 4), Weights())
    first, again = (solve(problem, Limits(None, 4, seed=3)) for _ in range(2))
    assert (first.owner == again.owner).all()
    assert first.value == problem.value(first.owner) >= first.bound
    assert first.gap < 0.03
    assert problem.overload(first.owner) == 0


def test_the_exact_answer_is_the_best_and_leaves_out_what_is_worth_nothing() -> None:
    problem = model(11, 6, 3)
    exact = solve_exactly(problem)
    assert exact.owner is not None
    assert problem.value(exact.owner) == pytest.approx(best_by_looking(problem), abs=1e-6) == exact.bound


def test_a_mip_apart_answers_as_one_here_does_and_ends_with_the_search() -> None:
    problem = model(11, 6, 3)
    pairs = np.isfinite(problem.cost)
    here, apart = (
        solve_exactly(problem, pairs, seconds=60, gap=1e-7),
        solve_apart(problem, pairs, seconds=60, gap=1e-7, over=lambda: False),
    )
    assert apart is not None
    assert here.owner is not None
    assert apart.owner is not None
    assert apart.owner.tolist() == here.owner.tolist()
    assert (apart.bound, apart.finished) == (here.bound, True)
    assert solve_apart(problem, pairs, seconds=60, gap=1e-7, over=lambda: True) is None
    broken = np.ones((2, 2), bool)
    assert solve_apart(problem, broken, seconds=60, gap=1e-7, over=lambda: False) is None, "its process died"


@pytest.mark.slow
def test_an_order_larger_than_a_pipe_arrives_whole() -> None:
    problem = gap_instance("c", 20, 250, 1)
    pairs = cheapest(problem.cost, 8.0)
    assert len(pickle.dumps((problem, pairs))) > 65_536
    ends = time.monotonic() + 60
    apart = solve_apart(problem, pairs, seconds=30, gap=0.1, over=lambda: time.monotonic() > ends)
    assert apart is not None
    assert apart.owner is not None
    assert problem.overload(apart.owner) == 0


def test_the_core_keeps_each_account_s_cheapest_pairs_and_nobody_s_forbidden_one() -> None:
    costs = np.array([[1.0, 5.0, np.inf], [9.0, 2.0, 3.0], [4.0, np.inf, 4.5]])
    assert cheapest(costs, 1.0).tolist() == [[True, False, False], [False, True, False], [True, False, False]]
    assert cheapest(costs, 1.7).tolist() == [[True, False, False], [False, True, True], [True, False, True]]
    assert (cheapest(costs, 9.0) == np.isfinite(costs)).all()


@pytest.mark.slow
def test_an_assignment_problem_is_helped_by_its_core() -> None:
    problem = gap_instance("d", 10, 100, 1)
    found = solve(problem, Limits(8.0, gap=0.0, seed=1))
    assert "core" in {step.stage for step in found.trace}
    assert problem.overload(found.owner) == 0


def test_progress_is_told_in_order_and_stop_ends_it() -> None:
    problem = build(sample_organisation(6, 60, 1), Weights())
    steps: list[Progress] = []
    found = solve(problem, Limits(None, 50), tell=steps.append, stop=lambda: len(steps) >= 1)
    assert tuple(steps) == found.trace
    assert found.rounds == 0
    assert [step.value for step in steps] == sorted((step.value for step in steps), reverse=True)
    assert [step.bound for step in steps] == sorted(step.bound for step in steps)


@pytest.mark.parametrize(
    ("limits", "said"),
    [({"seconds": None}, "give a limit"), ({"seconds": 0.0}, "positive"), ({"rounds": -1}, "positive")],
)
def test_limits_that_say_nothing_are_refused(limits: dict[str, float | None], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Limits(**limits)  # type: ignore[arg-type] # what a caller may write


def test_no_plan_in_time_is_not_called_impossible() -> None:
    problem = replace(model(2, 60, 5), cost=np.zeros((60, 5)))
    # Full to a thousandth: hardly to be met by chance, and too large to be looked at as a whole.
    problem = replace(problem, limit=np.full(5, 1.0001 * problem.work[:, 0].sum() / 5))
    with pytest.raises(NoTimeError, match="not proven"):
        solve(problem, Limits(None, 0), stop=lambda: True)
