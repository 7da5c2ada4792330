from __future__ import annotations

import numpy as np
import pytest

from tests.unit.territory_alignment.solving.helpers import model
from workers.bench.gap_instances import gap_instance
from workers.territory_alignment.solving import annealing, rep_sets, warming
from workers.territory_alignment.solving.annealing import Annealing
from workers.territory_alignment.solving.bounding import Prices, reduced
from workers.territory_alignment.solving.decomposing import Decomposition
from workers.territory_alignment.solving.model import Model, build
from workers.territory_alignment.solving.organisation import Weights
from workers.territory_alignment.solving.relaxing import relax
from workers.territory_alignment.solving.sample import sample_organisation

LOOPS = (vars(annealing)["_anneal"], vars(rep_sets)["best_sets"])
"""Those that Python calls; what they call is compiled with them."""


def compiled() -> list[int]:
    """For how many combinations of types each was compiled."""
    return [len(loop.signatures) for loop in LOOPS]


@pytest.mark.parametrize(
    "problem",
    [
        build(sample_organisation(4, 30, 1), Weights()),
        build(sample_organisation(4, 30, 1), Weights(contiguity=2.0)),
        model(1, 12, 3, pairs=True),
        gap_instance("d", 3, 12),
        Model(np.array([[1, 2], [2, 1]]), np.array([[1, 1], [2, 2]]), np.array([3, 3])),
    ],
    ids=["sample", "neighbours", "limits", "assignment", "whole numbers"],
)
def test_what_was_compiled_ahead_fits_every_model(problem: Model) -> None:
    warming.warm()
    ahead = compiled()
    assert ahead == [1, 1]
    prices = relax(problem, Prices.zero(problem), left=lambda: None).prices
    costs = reduced(problem, prices)
    Annealing(problem, costs, 1.0, 1).round(costs.argmin(axis=1), prices, 600, over=lambda: False, better=lambda _: 0)
    Decomposition(problem, prices, costs).step(float("inf"))
    assert compiled() == ahead
