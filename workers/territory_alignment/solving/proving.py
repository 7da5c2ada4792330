"""The bound, raised beside the search: by decomposition, then, where few pairs are left, by the whole as a MIP."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

import numpy as np

from workers.territory_alignment.solving.apart import solve_apart
from workers.territory_alignment.solving.bounding import Prices, regret
from workers.territory_alignment.solving.decomposing import CLOSE, CLOSEST, Decomposition, raise_bound
from workers.territory_alignment.solving.exactly import Exact, Flags, solve_exactly
from workers.territory_alignment.solving.geography import Floats
from workers.territory_alignment.solving.model import Model

SMALL, LARGE = 2_000, 30_000
"""Pairs that are solved as a whole, without and with a clock."""
DEARER = 10
"""Times that neighbours make it larger."""
SMALL_NODES = 500
STEPS = 300
"""Of the decomposition, without a clock."""
ENOUGH = 0.85
"""Of the time left, for the whole: what it has proven by then must arrive."""


class Proof:
    """What is proven while a search goes on, by a thread of its own; without a clock before it, as the answer must not
    depend on which of two threads is faster.
    """

    def __init__(
        self,
        model: Model,
        prices: Prices,
        costs: Floats,
        lowest: float,
        *,
        gap: float,
        value: Callable[[], float],
        left: Callable[[], float | None],
        over: Callable[[], bool],
    ) -> None:
        """Prices, their reduced costs and the bound that they prove, `lowest`, are the relaxation's.

        Args:
            model: the problem.
            prices: see above.
            costs: see above.
            lowest: see above.
            gap: relative, at which to stop.
            value: points of the best plan at that time.
            left: seconds left; None: no limit.
            over: whether to stop now.
        """
        self.bound = lowest
        self.exact: Exact | None = None
        """The MIP's answer, once it is there."""
        self._model, self._costs, self._lowest, self._gap = model, costs, lowest, gap
        self._ended = False
        self._value, self._left, self._ask = value, left, over
        # Without a clock nothing runs beside it, and whoever asked waits.
        self._decomposition = Decomposition(model, prices, costs, closest=CLOSE if left() is None else CLOSEST)
        self._thread: Thread | None = None

    def begin(self) -> None:
        """Start proving."""
        if self._left() is None:
            self._prove()
        else:
            self._thread = Thread(target=self._prove, name="territory-proof", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Until it is through, or it is over."""
        if self._thread is not None:
            self._thread.join()

    def end(self) -> None:
        """Stop proving."""
        self._ended = True
        self.wait()

    def _over(self) -> bool:
        return self._ended or self._ask()

    def _prove(self) -> None:
        raise_bound(
            self._decomposition,
            value=self._value,
            over=self._over,
            better=self._better,
            steps=STEPS if self._left() is None else None,
        )
        pairs = self._worth_a_look()
        left = self._left()
        most = SMALL if left is None else LARGE
        if self._over() or pairs.sum() > (most / DEARER if len(self._model.pairs) else most):
            return
        if left is None:
            self.exact = solve_exactly(self._model, pairs, nodes=SMALL_NODES, gap=self._gap)
        else:
            self.exact = solve_apart(self._model, pairs, seconds=ENOUGH * left, gap=self._gap, over=self._over)

    def _better(self, bound: float) -> None:
        self.bound = max(self.bound, bound)

    def _worth_a_look(self) -> Flags:
        """A pair is in no better plan if its reduced cost alone exceeds the distance of the best plan to the bound."""
        found: Flags = (regret(self._costs) <= self._value() - self._lowest + 1e-9) & np.isfinite(self._costs)
        return found
