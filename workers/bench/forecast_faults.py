"""Faults put into a history on purpose, at a stated rate: what dirty data costs, and what cleaning gives back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workers.forecast_review.forecasting.history import History

KINDS = ("missing", "ten times", "a thousandth", "negative")
"""Left out, a digit too many, thousands in place of units, a sign that slipped; in equal shares."""


def with_faults(history: History, rate: float, *, seed: int) -> History:
    """The same history with a share `rate` of all months changed; first and last months of a series are left alone."""
    random = np.random.default_rng(seed)
    found = {}
    for name in sorted(history.series):
        one = history.series[name]
        values = one.values.copy()
        hit = random.random(len(values)) < rate
        hit[[0, -1]] = False
        kind = random.integers(len(KINDS), size=len(values))
        for k, change in enumerate((np.nan, 10.0, 0.001, -1.0)):
            chosen = hit & (kind == k)
            values[chosen] = values[chosen] * change
        found[name] = replace(one, values=values)
    return replace(history, series=found)
