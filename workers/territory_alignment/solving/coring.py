"""The core of an assignment problem as a MIP, beside the search: the few pairs that cost little at the relaxation's prices.

Nearly all pairs of the best plans are among them, and HiGHS finds more in the core than in the whole in the same time. Balzar and
Zemel's idea for knapsacks (1980); of assignment problems see Posta, Ferland and Michelon (2012), who fix by reduced costs.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

import numpy as np

from workers.territory_alignment.solving.apart import solve_apart
from workers.territory_alignment.solving.bounding import regret
from workers.territory_alignment.solving.exactly import Exact, Flags
from workers.territory_alignment.solving.geography import Floats
from workers.territory_alignment.solving.model import Model

EACH = (3.5, 6.0)
"""Pairs for each account, on average: of the first core, and of a wider one after it."""
LARGE = 20_000
"""Pairs of a core that is still tried."""
SHARE = 0.45
"""Of the time left, for each core."""


class Core:
    """What the cores give, by a thread of its own, while a clock runs. Where loads are balanced or neighbours kept together
    the search itself is better, and nothing is done.
    """

    def __init__(
        self,
        model: Model,
        costs: Floats,
        *,
        gap: float,
        left: Callable[[], float | None],
        over: Callable[[], bool],
    ) -> None:
        """`costs` are reduced ones; `gap` is relative, `left` in seconds, as for `proving.Proof`."""
        self.found: Exact | None = None
        """The newest answer."""
        self._model, self._costs, self._gap, self._left, self._ask = model, costs, gap, left, over
        self._ended = False
        self._thread: Thread | None = None

    def begin(self) -> None:
        """Start looking, if it makes sense."""
        plain = not self._model.balances and not len(self._model.pairs)
        if plain and self._left() is not None and self._model.size[0] * EACH[0] <= LARGE:
            self._thread = Thread(target=self._look, name="territory-core", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Stop looking."""
        self._ended = True
        if self._thread is not None:
            self._thread.join()

    def _look(self) -> None:
        for each in EACH:
            left = self._left()
            if left is None or self._over():
                return
            found = solve_apart(
                self._model, cheapest(self._costs, each), seconds=SHARE * left, gap=self._gap, over=self._over
            )
            if found is not None and found.owner is not None:
                self.found = found

    def _over(self) -> bool:
        return self._ended or self._ask()


def cheapest(costs: Floats, each: float) -> Flags:
    """The pairs with the least regret, so many for each account on average; n x m. Each account keeps its cheapest."""
    dearer = np.where(np.isfinite(costs), regret(costs), np.inf)
    number = min(int(each * len(costs)), dearer.size)
    found: Flags = (dearer <= np.partition(dearer.ravel(), number - 1)[number - 1]) & np.isfinite(dearer)
    return found
