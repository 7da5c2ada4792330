"""Honest comparison of ways to make a scorer: five folds, and rolling retraining in date order.

Every way sees the same rows through the same encoding, whose vocabularies are learned from the training rows of each
fold or block alone (`training.forward`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold

from workers.lead_routing.scoring.metrics import Metrics, mean_metrics, measure
from workers.lead_routing.scoring.table import Floats, Ints, Table
from workers.lead_routing.scoring.training import DEFAULT, Progress, choose_calibration, fit, forward, sigmoid

Predict = Callable[[Table, Table], Floats]
"""(training rows, rows to predict) → log-odds."""


@dataclass(frozen=True)
class Evaluated:
    """Figures of one way."""

    name: str
    folds: Metrics
    """Means over the folds; rows in all."""
    rolling: Metrics
    """Pooled over the newest rows, predicted in date order."""


def hist_gradient_boosting(seed: int) -> Predict:
    """scikit-learn's HistGradientBoosting with its defaults."""

    def predict(past: Table, block: Table) -> Floats:
        matrix = block.encode(past.fit_vocabulary())
        return np.asarray(fit_hist_gradient_boosting(past, seed).decision_function(matrix), dtype=np.float64)

    return predict


def fit_hist_gradient_boosting(table: Table, seed: int) -> HistGradientBoostingClassifier:
    """The scikit-learn alternative, fitted on these rows; also what the benchmark compares with."""
    categorical = [i for i, feature in enumerate(table.schema.features) if feature.kind == "categorical"]
    model = HistGradientBoostingClassifier(categorical_features=categorical or None, random_state=seed)
    return model.fit(table.encode(table.fit_vocabulary()), table.labels)


def candidates(seed: int) -> dict[str, Predict]:
    """The ways that `fairlead scorer evaluate` compares; `lightgbm x3` is the one `train` uses."""

    def lightgbm(members: int, half_life: float | None = None) -> Predict:
        recipe = replace(DEFAULT, members=members, half_life=half_life)
        return lambda past, block: fit(past, seed=seed, recipe=recipe).log_odds(block)

    return {
        "hist_gradient_boosting": hist_gradient_boosting(seed),
        "lightgbm": lightgbm(1),
        "lightgbm half-life 8000": lightgbm(1, 8000.0),
        "lightgbm x3": lightgbm(DEFAULT.members),
    }


def cross_validate(
    table: Table, predict: Predict, *, folds: int = 5, seed: int = 1, progress: Progress | None = None
) -> Metrics:
    """Mean over stratified shuffled folds; each fold is predicted from the other rows only."""
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    parts = []
    for done, (train, test) in enumerate(splitter.split(np.zeros(len(table)), table.labels), start=1):
        held = table.take(test)
        parts.append(measure(held.labels, sigmoid(predict(table.take(train), held.without_labels()))))
        if progress is not None:
            progress(done, folds)
    return mean_metrics(parts)


def rolling_log_odds(
    table: Table,
    predict: Predict,
    *,
    share: float = 0.4,
    every: int = 250,
    offset: int = 0,
    window: int | None = None,
    progress: Progress | None = None,
) -> tuple[Ints, Floats]:
    """(labels, log-odds) of the newest `share` of the rows, retraining before each `every` rows.

    `offset` shortens the first block: it shifts the moments of retraining, to see how much they matter.
    """
    start = round(len(table) * (1 - share))
    parts = []
    if offset:
        # The first, shorter block; then the regular ones.
        first = table.take(np.arange(start + offset))
        parts.append(forward(first, start, offset, predict, window=window))
    parts.append(forward(table, start + offset, every, predict, window=window, progress=progress))
    return table.labels[start:], np.concatenate(parts)


def recalibrated(labels: Ints, log_odds: Floats, *, every: int = 250, memory: int = 2000) -> Floats:
    """Rolling log-odds after the calibration `train` would have chosen from the `memory` rows before each block."""
    result = log_odds.copy()
    for begin in range(every, len(labels), every):
        past = slice(max(0, begin - memory), begin)
        calibration = choose_calibration(labels[past], log_odds[past])
        result[begin : begin + every] = calibration.slope * log_odds[begin : begin + every] + calibration.intercept
    return result


def compare(
    table: Table,
    ways: Mapping[str, Predict],
    *,
    seed: int = 1,
    every: int = 250,
    window: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Evaluated]:
    """Evaluate each way, and the last one once more with rolling calibration; best rolling AUC first."""
    found: list[Evaluated] = []
    for name, predict in ways.items():

        def tell(done: int, total: int, name: str = name) -> None:
            if progress is not None:
                progress(name, done, total)

        folds = cross_validate(table, predict, seed=seed, progress=tell)
        labels, log_odds = rolling_log_odds(table, predict, every=every, window=window, progress=tell)
        found.append(Evaluated(name, folds, measure(labels, sigmoid(log_odds))))
    calibrated = measure(labels, sigmoid(recalibrated(labels, log_odds, every=every)))
    found.append(Evaluated(f"{name} + calibration", folds, calibrated))
    return sorted(found, key=lambda item: -item.rolling.auc)
