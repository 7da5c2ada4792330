"""Instances of the generalised assignment problem by the formulas of the published ones, which are not ours to ship.

Types C and D: Chu and Beasley, "A Genetic Algorithm for the Generalised Assignment Problem", Computers & Operations
Research 24, 1997. Type E: Yagiura, Ibaraki and Glover, "An Ejection Chain Approach for the Generalized Assignment Problem",
INFORMS Journal on Computing 16, 2004. The random numbers are others than theirs, so the optima are too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workers.territory_alignment.solving.model import Model

KINDS = "cde"


def gap_instance(kind: str, agents: int, jobs: int, seed: int = 1) -> Model:
    """An instance to be minimised, agents as reps and jobs as accounts: of type c, d (costs and resources oppose each other) or e (likewise, and more widely spread)."""
    random = np.random.default_rng([seed, KINDS.index(kind), agents, jobs])
    size = (jobs, agents)
    match kind:
        case "c":
            work, cost = random.integers(5, 26, size), random.integers(10, 51, size)
        case "d":
            work = random.integers(1, 101, size)
            cost = 111 - work + random.integers(-10, 11, size)
        case _:
            work = np.floor(1 - 10 * np.log(1 - random.random(size))).astype(int)
            cost = np.floor(1_000 / work - 10 * random.random(size)).astype(int)
    limit = np.floor(0.8 * work.sum(axis=0) / agents)
    return Model(cost.astype(float), work.astype(float), limit, step=1.0)


def write_instance(model: Model, path: Path) -> None:
    """Write one instance in the OR-Library's format."""
    rows = [[*reversed(model.size)], *model.cost.T, *model.work.T, model.limit]
    path.write_text("\n".join(" ".join(f"{number:g}" for number in row) for row in rows) + "\n", encoding="ascii")
