"""A bound above the LP's: each rep's territory is planned as a whole, and accounts that several want become dearer.

With a price u(i) for each account,

    sum_i u(i)  +  sum_k min over sets S of accounts that k may have, within k's limit, of
                   sum_(i in S) (c[i, k] - u(i)) + sum_b p_b max(0, |s_b(S) - T_b(k)| - t_b(k))

is what no plan falls below, whatever the prices: Lagrangian decomposition (Geoffrion, "Lagrangean Relaxation for Integer
Programming", Mathematical Programming Study 2, 1974). The largest of them is above the LP's bound, as the sets are whole.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workers.territory_alignment.solving.bounding import ROUNDING, Prices, with_pairs
from workers.territory_alignment.solving.compiled import arrays
from workers.territory_alignment.solving.geography import Floats
from workers.territory_alignment.solving.model import Model
from workers.territory_alignment.solving.rep_sets import best_sets

PATIENCE = 12
"""Steps without a better bound after which they become half as long, and look twice as close."""
CLOSE, CLOSEST = 20_000, 400_000
"""Nodes looked at for a rep in a step, in the first and at most: while prices are far off, many cheap steps gain more."""
SMALLEST = 2e-3
"""Share of Polyak's step at which it ends."""
GUESS = 0.02
"""How far above the bound a plan is thought to be while none is known."""


class Decomposition:
    """The bound for prices of accounts, which `step` improves."""

    def __init__(self, model: Model, prices: Prices, costs: Floats, *, closest: int = CLOSEST) -> None:
        """Prices and their reduced costs are the relaxation's; neighbours count as they are priced there."""
        self._closest = closest
        self._arrays = arrays(model, with_pairs(model.cost.copy(), model, prices), reps_first=True)
        prices = prices.within(model)
        self._by_rep = (
            np.column_stack([prices.load, *prices.balance]) if model.balances else prices.load[:, None].copy()
        )
        # Between the cheapest rep and the next, where an account's price leaves the LP's bound as it is.
        two = np.sort(costs, axis=1)[:, :2]
        apart = np.where(np.isfinite(two[:, -1]), two[:, -1] - two[:, 0], 0.0)
        self._price_of = two[:, 0] + np.where(np.isfinite(two[:, -1]), apart / 2, apart.max(initial=1.0))
        self._best_price = self._price_of.copy()
        self._direction = np.zeros(model.size[0])
        self._scale, self._waited, self._nodes = 1.0, 0, CLOSE
        self.bound = -np.inf
        """The largest until now."""

    @property
    def finished(self) -> bool:
        """Further steps hardly raise the bound."""
        return self._scale < SMALLEST

    def step(self, value: float) -> None:
        """One subgradient step towards the points of a plan that is known.

        The direction is deflected as Camerini, Fratta and Maffioli do ("On Improving Relaxation Methods by Modified Gradient
        Techniques", Mathematical Programming Study 3, 1975), its length Polyak's.
        """
        wanted = np.zeros(len(self._price_of), np.int64)
        parts, size = best_sets(self._arrays, self._price_of, self._by_rep, wanted, self._nodes)
        found = float(self._price_of.sum() + parts - ROUNDING * (np.abs(self._price_of).sum() + size))
        self._waited += 1
        if found > self.bound:
            self.bound, self._waited = found, 0
            self._best_price = self._price_of.copy()
        elif self._waited > PATIENCE:
            self._scale, self._waited, self._nodes = self._scale / 2, 0, min(2 * self._nodes, self._closest)
            self._price_of, self._direction = self._best_price.copy(), np.zeros_like(self._direction)
            return
        gradient = 1.0 - wanted
        if not gradient.any():
            self._scale = 0.0
            return
        before = float(self._direction @ self._direction)
        turned = max(-1.5 * float(gradient @ self._direction) / before, 0.0) if before else 0.0
        self._direction = gradient + turned * self._direction
        goal = value if np.isfinite(value) else found + GUESS * abs(found)
        length = self._scale * max(goal - found, 1e-9) / float(self._direction @ self._direction)
        self._price_of = self._price_of + length * self._direction


def raise_bound(
    decomposition: Decomposition,
    *,
    value: Callable[[], float],
    over: Callable[[], bool],
    better: Callable[[float], object],
    steps: int | None = None,
) -> None:
    """Steps until they hardly gain, it is over, or so many are done.

    Args:
        decomposition: where it begins.
        value: points of the best plan at that time.
        over: asked before each step.
        better: called with each better bound.
        steps: at most so many.
    """
    done = 0
    while not over() and not decomposition.finished and (steps is None or done < steps):
        before = decomposition.bound
        decomposition.step(value())
        done += 1
        if decomposition.bound > before:
            better(decomposition.bound)
