"""Made-up monthly series whose truth is known."""

from __future__ import annotations

import numpy as np

from workers.forecast_review.forecasting import months
from workers.forecast_review.forecasting.history import Floats, History, Series

START = months.number(2008, 1)


def values(length: int, *, seed: int = 1, level: float = 100.0, growth: float = 0.003, noise: float = 0.04) -> Floats:
    """Level x trend x season x noise."""
    random = np.random.default_rng(seed)
    season = np.exp(random.normal(0, 0.12, 12))
    steps = np.arange(length)
    found: Floats = level * np.exp(growth * steps + random.normal(0, noise, length)) * season[steps % 12]
    return found


def series(name: str, numbers: Floats, start: int = START) -> Series:
    return Series(tuple(name.split("/")), start, numbers)


def history(length: int = 120, *, shops: int = 2, regions: int = 2, noise: float = 0.04) -> History:
    """Regions of shops, the total above."""
    made = {}
    for r in range(regions):
        for s in range(shops):
            name = f"r{r}/s{s}"
            made[name] = series(name, values(length, seed=10 * r + s, level=50 + 40 * s, noise=noise))
    return History("shops", ("region", "shop"), made, unit="pieces")
