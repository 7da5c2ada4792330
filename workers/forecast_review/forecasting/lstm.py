"""One LSTM over all series (Keras on JAX): learned from every series' windows, so that short series gain from long ones.

After Bandara, Bergmeir & Smyl (2020): each window is put on logarithms and its own level, three years in, the horizon
out, trained on absolute error. Small on purpose: one layer, some thousand windows, seconds on a core.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

import numpy as np

from workers.forecast_review.forecasting.errors import PlanError
from workers.forecast_review.forecasting.fitting import Known
from workers.forecast_review.forecasting.history import Floats
from workers.forecast_review.forecasting.models import WINDOW, plausible
from workers.forecast_review.forecasting.months import YEAR

INPUT = 3 * YEAR
"""Months that a forecast is made from."""
UNITS = 32
EPOCHS = 20
STEPS = 600
"""Steps of the optimiser at least: where windows are few, twenty times all of them is too little to learn a season."""
BATCH = 128
MOST = 12_000
"""Windows that are trained on; of more, as many are drawn."""
LEAST_WINDOWS = 50


def fit_lstm(nodes: Sequence[Known | None], horizon: int, *, seed: int) -> Floats:
    """Forecasts of all nodes from one network: nodes x horizon; NaN where a node has less than three years.

    Raises:
        PlanError: if the extra is not installed.
    """
    found = np.full((len(nodes), horizon), np.nan)
    scaled = {n: _scaled(known.values) for n, known in enumerate(nodes) if known is not None and _long(known)}
    windows = [pair for series, _ in scaled.values() for pair in _windows(series, horizon)]
    if len(windows) < LEAST_WINDOWS:
        return found
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(windows))[:MOST]
    inputs, outputs = (np.stack([windows[i][part] for i in chosen]) for part in (0, 1))
    last = np.stack([series[-INPUT:] for series, _ in scaled.values()])
    levels = last[:, -YEAR:].mean(axis=1, keepdims=True)
    predicted = _train(inputs, outputs, last - levels, seed)
    for row, (n, (_, size)) in enumerate(scaled.items()):
        known = nodes[n]
        if known is not None:
            found[n] = plausible(np.expm1(predicted[row] + levels[row]) * size, known.values)
    return found


def _long(known: Known) -> bool:
    return len(known.values) >= INPUT and bool((known.values >= 0).all()) and bool(known.values.any())


def _scaled(values: Floats) -> tuple[Floats, float]:
    part = values[-WINDOW:]
    size = float(part.mean())
    return np.log1p(part / size), size


def _windows(series: Floats, horizon: int) -> list[tuple[Floats, Floats]]:
    """Each stretch of three years and the months after it, both relative to the level of its last year."""
    found = []
    for end in range(INPUT, len(series) - horizon + 1):
        before = series[end - INPUT : end]
        level = before[-YEAR:].mean()
        found.append((before - level, series[end : end + horizon] - level))
    return found


def _train(inputs: Floats, outputs: Floats, last: Floats, seed: int) -> Floats:
    os.environ.setdefault("KERAS_BACKEND", "jax")
    try:
        import keras  # noqa: PLC0415 - an extra of its own, and seconds to import
    except ModuleNotFoundError as error:
        raise PlanError(f"{error.name} is missing; the LSTM needs Fairlead's extra 'forecasting-lstm'") from error
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.layers.Input((INPUT, 1)),
            keras.layers.LSTM(UNITS),
            keras.layers.Dense(outputs.shape[1]),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="mae")
    epochs = max(EPOCHS, math.ceil(STEPS / math.ceil(len(inputs) / BATCH)))
    model.fit(inputs[..., None], outputs, epochs=epochs, batch_size=BATCH, verbose=0)
    predicted: Floats = np.asarray(model.predict(last[..., None], verbose=0), dtype=np.float64)
    return predicted
