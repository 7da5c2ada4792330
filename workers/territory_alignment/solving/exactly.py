"""The model as a MIP for HiGHS: for parts of it, for small ones as a whole, and as what we are measured against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse

from workers.territory_alignment.solving.geography import Floats, Ints
from workers.territory_alignment.solving.model import Model

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Exact:
    """HiGHS's answer."""

    owner: Ints | None
    """None: no plan was found."""
    bound: float
    """HiGHS's dual bound: no plan over the pairs given falls below it, within its tolerance; infinite: there is none."""
    nodes: int
    finished: bool
    """Neither time nor nodes ran out."""


def solve_exactly(
    model: Model,
    pairs: Flags | None = None,
    *,
    seconds: float | None = None,
    nodes: int | None = None,
    gap: float = 1e-7,
    worth: Floats | None = None,
) -> Exact:
    """Solve a model over some pairs of account and rep (default: all that are allowed).

    Args:
        model: the problem.
        pairs: n x m, those to look at.
        seconds: limit.
        nodes: limit of the branch-and-bound tree; the same limit gives the same answer where the time does not end it.
        gap: relative distance of value and bound at which to stop.
        worth: by account, points saved if it is left to nobody; None: each account gets a rep.
    """
    accounts, reps = model.size
    rows, columns = np.nonzero(np.isfinite(model.cost) if pairs is None else pairs & np.isfinite(model.cost))
    count, at = len(rows), np.arange(len(rows))
    cost = [model.cost[rows, columns] - (0.0 if worth is None else worth[rows])]
    low, high = [np.zeros(count)], [np.ones(count)]
    blocks: list[list[object]] = [[sparse.csr_array((np.ones(count), (rows, at)), (accounts, count))]]
    least, most = [np.full(accounts, 1.0 if worth is None else 0.0)], [np.ones(accounts)]
    held = np.flatnonzero(np.isfinite(model.limit))
    if len(held):
        used = sparse.csr_array((model.work[rows, columns], (columns, at)), (reps, count))
        blocks.append([used[held]])
        least.append(np.full(len(held), -np.inf))
        most.append(model.limit[held])
    one = sparse.eye_array(reps)
    for balance in model.balances:
        for block in blocks:
            block.append(None)
        # Above and below the target, and what the tolerance leaves free.
        spread = sparse.csr_array((balance.amount[rows], (columns, at)), (reps, count))
        blocks.append([spread, *[None] * (len(blocks[0]) - 2), sparse.hstack([-one, one, -one])])
        cost.append(np.repeat([balance.price, balance.price, 0.0], reps))
        low.append(np.concatenate([np.zeros(2 * reps), -balance.tolerance]))
        high.append(np.concatenate([np.full(2 * reps, np.inf), balance.tolerance]))
        least.append(balance.target)
        most.append(balance.target)
    if (split := _pairs(model, rows, columns)) is not None:
        for block in blocks:
            block.append(None)
        first, second = split
        edges = first.shape[0]
        blocks.append([first, *[None] * (len(blocks[0]) - 2), second])
        cost.append(np.full(second.shape[1], model.pair_price))
        low.append(np.zeros(second.shape[1]))
        high.append(np.ones(second.shape[1]))
        least.append(np.full(edges, -np.inf))
        most.append(np.zeros(edges))
    whole = np.concatenate(cost)
    options = {"mip_rel_gap": gap}
    options |= {name: limit for name, limit in (("time_limit", seconds), ("node_limit", nodes)) if limit is not None}
    found = optimize.milp(
        whole,
        integrality=np.arange(len(whole)) < count,
        bounds=optimize.Bounds(np.concatenate(low), np.concatenate(high)),
        constraints=optimize.LinearConstraint(
            sparse.block_array(blocks, format="csr"), np.concatenate(least), np.concatenate(most)
        ),
        options=options,
    )
    return _answer(found, rows, columns, accounts)


def _pairs(
    model: Model, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[sparse.csr_array, sparse.csr_array] | None:
    """Rows x(i, k) - x(j, k) - y(i, j) <= 0, both ways round, for neighbours i and j and each rep k that either may have."""
    if not len(model.pairs):
        return None
    at = np.full(model.size, -1)
    at[rows, columns] = np.arange(len(rows))
    here, value, line, edge = [], [], [], []
    total = 0
    for e, (i, j) in enumerate(model.pairs):
        for one, other in ((i, j), (j, i)):
            for k in np.flatnonzero(at[one] >= 0):
                here += [at[one, k]] + ([at[other, k]] if at[other, k] >= 0 else [])
                value += [1.0] + ([-1.0] if at[other, k] >= 0 else [])
                line += [total] * (2 if at[other, k] >= 0 else 1)
                edge.append(e)
                total += 1
    first = sparse.csr_array((value, (line, here)), (total, len(rows)))
    second = sparse.csr_array((-np.ones(total), (np.arange(total), edge)), (total, len(model.pairs)))
    return first, second


def _answer(found: optimize.OptimizeResult, rows: NDArray[np.intp], columns: NDArray[np.intp], accounts: int) -> Exact:
    infeasible = 2
    bound = float("inf") if found.status == infeasible else found.mip_dual_bound
    owner = None
    if found.x is not None:
        owner = np.full(accounts, -1, np.int64)
        chosen = found.x[: len(rows)] > 0.5
        owner[rows[chosen]] = columns[chosen]
    return Exact(
        owner, float("-inf") if bound is None else float(bound), int(found.mip_node_count or 0), found.status in {0, 2}
    )
