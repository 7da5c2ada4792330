"""What no plan can beat: the Lagrangian bound.

Multipliers a >= 0 on the limits, b_b in [-p_b, p_b] on the balances, and f_e in [-q/2, q/2] on each pair of neighbours
and rep give, whatever their values,

    sum_i min_k r[i, k]  -  sum_k a(k) l(k)  -  sum_b sum_k (b_b(k) T_b(k) + |b_b(k)| t_b(k))
    with  r[i, k] = c[i, k] + a(k) w[i, k] + sum_b b_b(k) s_b(i) + sum_e +-f_e(k)

points that no plan falls below (Fisher, "The Lagrangian Relaxation Method for Solving Integer Programming Problems",
Management Science 27, 1981). The largest of them is the value of the LP relaxation. As it holds for any multipliers, it
does not rest on a solver's tolerances: only on the additions here, whose rounding is taken off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.territory_alignment.solving.geography import Floats
from workers.territory_alignment.solving.model import Model

ROUNDING = 1e-11
"""Relative to the sum of the absolute values added; n additions of doubles are off by at most n x 1.1e-16."""


@dataclass(frozen=True)
class Prices:
    """Multipliers; see the module."""

    load: Floats
    """By rep, points a unit of the limit."""
    balance: tuple[Floats, ...]
    """By rep, points a unit of each amount."""
    pair: Floats | None = None
    """Pairs of neighbours x reps: added to the first account's cost, taken from the second's."""

    @classmethod
    def zero(cls, model: Model) -> Prices:
        """Everything is free."""
        reps = model.size[1]
        return cls(np.zeros(reps), tuple(np.zeros(reps) for _ in model.balances))

    def within(self, model: Model) -> Prices:
        """The nearest multipliers that the bound holds for."""
        load = np.where(np.isinf(model.limit), 0.0, np.maximum(self.load, 0.0))
        balance = tuple(np.clip(b, -one.price, one.price) for b, one in zip(self.balance, model.balances, strict=True))
        half = model.pair_price / 2
        return Prices(load, balance, None if self.pair is None else np.clip(self.pair, -half, half))


def reduced(model: Model, prices: Prices) -> Floats:
    """What `r` of the module is, n x m:, what each pair costs once limits, balances and neighbours have their price."""
    found = model.cost + prices.load * model.work
    for price, balance in zip(prices.balance, model.balances, strict=True):
        found += balance.amount[:, None] * price
    return with_pairs(found, model, prices)


def regret(costs: Floats) -> Floats:
    """How much dearer each pair is than its account's cheapest, n x m."""
    found: Floats = costs - costs.min(axis=1, keepdims=True)
    return found


def with_pairs(found: Floats, model: Model, prices: Prices) -> Floats:
    """The costs, n x m, with what neighbours' prices add to them; changed in place."""
    if prices.pair is not None:
        np.add.at(found, model.pairs[:, 0], prices.pair)
        np.subtract.at(found, model.pairs[:, 1], prices.pair)
    return found


def bound(model: Model, prices: Prices, costs: Floats | None = None) -> float:
    """Points that no plan falls below; `costs` are the reduced ones of these prices where they are known already."""
    prices = prices.within(model)
    costs = reduced(model, prices) if costs is None else costs
    parts = [
        costs.min(axis=1),
        -np.where(prices.load > 0, prices.load * np.where(np.isinf(model.limit), 0, model.limit), 0),
    ]
    for price, balance in zip(prices.balance, model.balances, strict=True):
        parts += [-price * balance.target, -np.abs(price) * balance.tolerance]
    return float(sum(part.sum() for part in parts) - ROUNDING * sum(np.abs(part).sum() for part in parts))
