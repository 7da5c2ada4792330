"""The search's loops are compiled before somebody waits for them, once a machine.

``python -m workers.territory_alignment.solving.warming`` does it in a process of its own, and says so by a line; where they
are in Numba's cache already, that takes a second.
"""

from __future__ import annotations

import numpy as np

from workers.child_side import Answers, end_with_who_asked
from workers.territory_alignment.solving.annealing import Annealing
from workers.territory_alignment.solving.bounding import Prices, reduced
from workers.territory_alignment.solving.decomposing import Decomposition
from workers.territory_alignment.solving.model import Model


def warm() -> None:
    """Run each compiled loop once, over next to nothing."""
    model = Model(np.array([[1.0, 2.0], [2.0, 1.0]]), np.ones((2, 2)), np.full(2, 2.0))
    prices = Prices.zero(model)
    costs = reduced(model, prices)
    Annealing(model, costs, 1.0, 1).round(np.array([0, 1]), prices, 1, over=lambda: False, better=lambda _: None)
    Decomposition(model, prices, costs).step(2.0)


def main() -> None:
    """See the module."""
    answers = Answers()
    end_with_who_asked()
    warm()
    answers.line({"warm": True})


if __name__ == "__main__":
    main()
