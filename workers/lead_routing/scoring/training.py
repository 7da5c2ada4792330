"""Training: rows in date order → a stored scorer, with the evidence of how good it is.

No leakage, and how: everything learned (vocabularies, LightGBM's bins, trees) is learned inside `fit` from the rows
given to it; `forward` predicts each block of rows by a model fitted on rows before that block only; the calibration
and the bands come from such predictions. The schema refuses features that read the label, ids or excluded columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import lightgbm
import numpy as np

from workers.lead_routing.scoring.drift import profile_features, profile_scores
from workers.lead_routing.scoring.errors import DataError
from workers.lead_routing.scoring.features import Value
from workers.lead_routing.scoring.metrics import Bin, Metrics, measure, reliability
from workers.lead_routing.scoring.model import Calibration, Payload, Reference, read_payload
from workers.lead_routing.scoring.table import Floats, Ints, Table

Progress = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""

FEWEST_ROWS = 200
"""Below this neither trees nor their evidence mean anything."""
HELD_OUT_ROWS = 2000
"""The newest rows that are predicted forward as evidence; at most a fifth of all."""

_NEWTON_STEPS = 50


@dataclass(frozen=True)
class Recipe:
    """How a LightGBM scorer is made. The defaults were chosen as `docs/scorer.md` shows."""

    rounds: int = 150
    learning_rate: float = 0.05
    leaves: int = 15
    leaf_rows: int = 50
    l2: float = 10.0
    members: int = 3
    """Boosters that differ by seed only; their log-odds are averaged."""
    half_life: float | None = None
    """Rows after which a row counts half; None: all rows count the same."""


DEFAULT = Recipe()


@dataclass(frozen=True)
class Fitted:
    """Boosters with what they were fitted on."""

    vocabulary: dict[str, tuple[str, ...]]
    boosters: tuple[str, ...]

    def log_odds(self, table: Table) -> Floats:
        """Uncalibrated log-odds of each row."""
        return raw_log_odds(self.vocabulary, self.boosters, table)


@dataclass(frozen=True)
class Trained:
    """A stored scorer and the evidence for its card; all figures are of rows the predicting model had not seen."""

    artifact: bytes
    version: str
    payload: Payload
    held_out: Metrics
    reliability: list[Bin]
    calibrated: bool
    """Whether Platt scaling helped and is used."""
    held_out_rows: int
    held_out_scores: Floats


def fit(table: Table, *, seed: int, recipe: Recipe = DEFAULT) -> Fitted:
    """Fit boosters on exactly these rows; the same rows, seed, recipe and library versions give the same text."""
    vocabulary = table.fit_vocabulary()
    matrix = table.encode(vocabulary)
    categorical = [i for i, f in enumerate(table.schema.features) if f.kind == "categorical"]
    rows = len(table)
    weight = None if recipe.half_life is None else 0.5 ** (np.arange(rows - 1, -1, -1) / recipe.half_life)
    boosters = []
    for member in range(recipe.members):
        parameters = {
            "objective": "binary",
            "learning_rate": recipe.learning_rate,
            "num_leaves": recipe.leaves,
            # A small data set must still be able to split.
            "min_data_in_leaf": min(recipe.leaf_rows, max(5, rows // 40)),
            "lambda_l2": recipe.l2,
            "feature_fraction": 0.7,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "seed": seed * 1000 + member,
            # Bytes must not depend on the number of cores or on timing.
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(
            matrix,
            table.labels,
            weight=weight,
            feature_name=[f"f{i}" for i in range(matrix.shape[1])],
            categorical_feature=categorical,
            params=parameters,
        )
        boosters.append(lightgbm.train(parameters, data, recipe.rounds).model_to_string())
    return Fitted(vocabulary, tuple(boosters))


def raw_log_odds(vocabulary: dict[str, tuple[str, ...]], boosters: tuple[str, ...], table: Table) -> Floats:
    """Mean log-odds of stored boosters for each row."""
    matrix = table.encode(vocabulary)
    parts = [lightgbm.Booster(model_str=text).predict(matrix, raw_score=True, num_threads=1) for text in boosters]
    mean: Floats = np.mean(np.asarray(parts, dtype=np.float64), axis=0)
    return mean


def score_table(payload: Payload, table: Table) -> Floats:
    """Calibrated scores of many rows, the same as `Scorer.score` gives one by one."""
    raw = raw_log_odds(payload.vocabulary, payload.boosters, table)
    return sigmoid(payload.calibration.slope * raw + payload.calibration.intercept)


def sigmoid(log_odds: Floats) -> Floats:
    """Probabilities; clipped where a float could not tell them from 0 and 1 anyway."""
    return 1.0 / (1.0 + np.exp(-np.clip(log_odds, -700, 700)))


def forward(
    table: Table,
    start: int,
    every: int,
    predict: Callable[[Table, Table], Floats],
    *,
    window: int | None = None,
    progress: Progress | None = None,
) -> Floats:
    """Rolling retraining in date order: log-odds of the rows from `start` on, each predicted from earlier rows only.

    Before each block of `every` rows a model is made anew from the rows before it (the newest `window` of them).

    `predict` maps (past rows, rows to predict) to log-odds; it gets the block without its outcomes.
    """
    bounds = [*range(start, len(table), every), len(table)]
    parts = []
    for done, (begin, end) in enumerate(pairwise(bounds)):
        past = table.take(np.arange(0 if window is None else max(0, begin - window), begin))
        parts.append(predict(past, table.take(np.arange(begin, end)).without_labels()))
        if progress is not None:
            progress(done + 1, len(bounds) - 1)
    return np.concatenate(parts)


def platt(labels: Ints, log_odds: Floats) -> Calibration:
    """Platt scaling by maximum likelihood, with Platt's smoothed targets (Platt 1999), solved by Newton's method."""
    positive = int(labels.sum())
    negative = len(labels) - positive
    target = np.where(labels == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
    design = np.column_stack([log_odds, np.ones_like(log_odds)])
    beta = np.array([1.0, 0.0])
    for _ in range(_NEWTON_STEPS):
        p = sigmoid(design @ beta)
        hessian = (design * (p * (1 - p))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, design.T @ (target - p))
        beta = beta + step
        if np.abs(step).max() < 1e-9:
            break
    slope, intercept = float(beta[0]), float(beta[1])
    # A slope that is not positive, or one that did not settle, is noise of a small window, never knowledge.
    if not (0 < slope < 10 and abs(intercept) < 10):
        return Calibration()
    # Rounded, so that the stored bytes do not depend on the last bits of linear algebra.
    return Calibration(slope=round(slope, 6), intercept=round(intercept, 6))


def choose_calibration(labels: Ints, log_odds: Floats) -> Calibration:
    """Platt scaling if it helps: fitted on the older half, it must lower the Brier score on the newer half."""
    half = len(labels) // 2
    old, new = labels[:half], labels[half:]
    if min(old.sum(), new.sum(), half - old.sum()) < 10:
        return Calibration()
    tried = platt(old, log_odds[:half])
    brier_tried = np.mean((sigmoid(tried.slope * log_odds[half:] + tried.intercept) - new) ** 2)
    brier_raw = np.mean((sigmoid(log_odds[half:]) - new) ** 2)
    return platt(labels, log_odds) if brier_tried < brier_raw else Calibration()


def train(
    table: Table,
    *,
    seed: int = 1,
    window: int | None = None,
    recipe: Recipe = DEFAULT,
    progress: Progress | None = None,
) -> Trained:
    """Train a scorer on the newest `window` rows (None: all).

    The newest fifth (at most 2,000 rows) is first predicted forward in four blocks, as evidence and for calibration
    and bands; then the boosters are fitted on all rows.

    Raises:
        DataError: if there are too few rows, or the newest rows hold only one outcome.
    """
    if window is not None:
        table = table.last(window)
    if len(table) < FEWEST_ROWS:
        raise DataError(f"{len(table)} rows with an outcome are too few to train on; {FEWEST_ROWS} are needed")
    size = min(HELD_OUT_ROWS, len(table) // 5)
    start = len(table) - size
    newest = table.take(np.arange(start, len(table)))
    for part, what in ((table.take(np.arange(start)), "older"), (newest, "newest")):
        if len(set(part.labels.tolist())) < 2:
            raise DataError(f"the {what} {len(part)} rows hold only one outcome; give more rows, or mixed ones")

    def predict(past: Table, block: Table) -> Floats:
        return fit(past, seed=seed, recipe=recipe).log_odds(block)

    held_out = forward(table, start, -(-size // 4), predict, progress=progress)
    calibration = choose_calibration(newest.labels, held_out)
    scores = sigmoid(calibration.slope * held_out + calibration.intercept)
    fitted = fit(table, seed=seed, recipe=recipe)
    metrics = measure(newest.labels, scores)
    bands = table.schema.bands
    payload = Payload(
        model_schema=table.schema.model_dump(mode="json"),
        trained_until=float(table.times[-1]),
        vocabulary=fitted.vocabulary,
        boosters=fitted.boosters,
        calibration=calibration,
        hot_from=float(np.quantile(scores, 1 - bands.hot_share)),
        warm_from=float(np.quantile(scores, max(0.0, 1 - bands.hot_share - bands.warm_share))),
        typical=typical(table),
        reference=Reference(
            rows=size,
            label_rate=metrics.base_rate,
            ece=metrics.ece,
            features=profile_features(newest, fitted.vocabulary),
            score=profile_scores(scores),
        ),
    )
    artifact = payload.to_bytes()
    return Trained(
        artifact=artifact,
        version=read_payload(artifact)[1],
        payload=payload,
        held_out=metrics,
        reliability=reliability(newest.labels, scores),
        calibrated=calibration != Calibration(),
        held_out_rows=size,
        held_out_scores=scores,
    )


def typical(table: Table) -> dict[str, Value]:
    """The usual value of each feature: median of a number, else the most frequent (of equals the first by name)."""
    usual: dict[str, Value] = {}
    for feature in table.schema.features:
        column = table.columns[feature.name]
        if feature.kind == "categorical":
            known = column[column >= 0].astype(np.int64)
            usual[feature.name] = table.levels[feature.name][int(np.bincount(known).argmax())] if len(known) else None
            continue
        numbers = column[~np.isnan(column)]
        if not len(numbers):
            usual[feature.name] = None
        elif feature.kind == "boolean":
            usual[feature.name] = float(numbers.mean() > 0.5)
        else:
            usual[feature.name] = float(np.quantile(numbers, 0.5, method="lower"))
    return usual
