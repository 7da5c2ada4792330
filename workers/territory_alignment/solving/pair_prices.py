"""Prices for pairs of neighbours, so that contiguity counts in the bound: subgradient ascent, from the relaxation's prices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from workers.territory_alignment.solving.bounding import Prices, bound, reduced
from workers.territory_alignment.solving.model import Model

STEPS = 400
PATIENCE = 15
"""Steps without a better bound after which the step is halved."""


def price_pairs(model: Model, prices: Prices, value: float, *, over: Callable[[], bool]) -> Prices:
    """Better prices, all others as they are.

    The step is Polyak's: proportional to the distance of the bound to `value`, the points of a plan that is known.
    """
    first, second = model.pairs[:, 0], model.pairs[:, 1]
    half, line = model.pair_price / 2, np.arange(len(model.pairs))
    pair = np.zeros((len(model.pairs), model.size[1]))
    costs = reduced(model, prices)
    rest = bound(model, prices, costs) - costs.min(axis=1).sum()
    best, best_bound, scale, waited = pair.copy(), -np.inf, 1.0, 0
    for _ in range(STEPS):
        if over():
            break
        cheapest = costs.argmin(axis=1)
        found = float(costs[np.arange(len(costs)), cheapest].sum() + rest)
        if found > best_bound:
            best, best_bound, waited = pair.copy(), found, 0
        elif (waited := waited + 1) > PATIENCE:
            scale, waited = scale / 2, 0
        here, there = cheapest[first], cheapest[second]
        apart = line[here != there]
        if not len(apart):
            break
        step = scale * max(value - found, 1e-9) / (2 * len(apart))
        for sign, rep in ((1.0, here[apart]), (-1.0, there[apart])):
            before = pair[apart, rep]
            change = np.clip(before + sign * step, -half, half) - before
            pair[apart, rep] += change
            np.add.at(costs, (first[apart], rep), change)
            np.subtract.at(costs, (second[apart], rep), change)
    return replace(prices, pair=best)
