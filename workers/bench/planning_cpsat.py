"""The model for CP-SAT of OR-Tools, as its documentation writes assignment problems. Loaded in a process of its own only:
OR-Tools brings another HiGHS along than scipy's.
"""

from __future__ import annotations

import os
import time

import numpy as np

from workers.bench.planning_cases import Answer
from workers.territory_alignment.solving.model import Model

POINT, UNIT = 1_000_000, 100
"""CP-SAT counts in whole numbers: steps in a point, and in an hour or a unit of money; one where all figures are whole."""


def solve_with_cpsat(model: Model, seconds: float, seed: int) -> Answer:
    """The best plan's score, judged by the model, with the bound and the time of the first plan.

    Limits are rounded down and work up to a hundredth, so plans keep the rules.
    """
    from ortools.sat.python import cp_model  # noqa: PLC0415 - see the module

    began = time.monotonic()
    point, unit = (1, 1) if model.step == 1 else (POINT, UNIT)
    program = cp_model.CpModel()
    rows, columns = np.nonzero(np.isfinite(model.cost))
    chosen = [program.new_bool_var("") for _ in rows]
    by_account: list[list[int]] = [[] for _ in range(model.size[0])]
    by_rep: list[list[int]] = [[] for _ in range(model.size[1])]
    for at, (i, k) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        by_account[i].append(at)
        by_rep[k].append(at)
    for some in by_account:
        program.add_exactly_one(chosen[at] for at in some)
    costs = [chosen, np.rint(model.cost[rows, columns] * point).astype(int).tolist()]
    terms = [cp_model.LinearExpr.weighted_sum(*costs)]
    for k, some in enumerate(by_rep):
        mine = [chosen[at] for at in some]
        if np.isfinite(model.limit[k]):
            work = np.ceil(model.work[rows[some], k] * unit).astype(int).tolist()
            program.add(cp_model.LinearExpr.weighted_sum(mine, work) <= int(model.limit[k] * unit))
        for balance in model.balances:
            amount = np.rint(balance.amount[rows[some]] * unit).astype(int).tolist()
            most = int(balance.amount.sum() * unit) + 1
            above, below = program.new_int_var(0, most, ""), program.new_int_var(0, most, "")
            free = int(balance.tolerance[k] * unit)
            within = program.new_int_var(-free, free, "")
            total = cp_model.LinearExpr.weighted_sum(mine, amount)
            program.add(total - above + below - within == int(balance.target[k] * unit))
            terms.append((above + below) * (balance.price * point / unit))
    program.minimize(sum(terms[1:], start=terms[0]))
    first: list[float] = []

    class Watch(cp_model.CpSolverSolutionCallback):
        def on_solution_callback(self) -> None:
            first.append(time.monotonic() - began)

    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = len(os.sched_getaffinity(0))
    solver.parameters.random_seed = seed
    status = solver.solve(program, Watch())
    if status not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return Answer(None, solver.best_objective_bound / point)
    values = np.array([solver.boolean_value(one) for one in chosen])
    owner = np.full(model.size[0], -1, np.int64)
    owner[rows[values]] = columns[values]
    return Answer(model.value(owner), solver.best_objective_bound / point, first[0] if first else None)
