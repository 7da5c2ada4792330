"""Rolling retraining: a challenger on the newest outcomes, and whether it may replace the champion.

Rule: on the newest held-out rows that the champion has not seen, the challenger (fitted for each block on earlier
rows only) must have a Brier score that is not higher, and an AUC that is not lower beyond its standard error. The
Brier score rewards right probabilities and right order together; the AUC guards against one that only moves the
level. A few hundred outcomes tell two AUCs apart only roughly: a fixed tolerance would keep a champion whose
probabilities are far off for the sake of noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from workers.lead_routing.scoring.errors import SchemaError
from workers.lead_routing.scoring.metrics import Metrics, measure
from workers.lead_routing.scoring.model import read_payload
from workers.lead_routing.scoring.schema import Schema
from workers.lead_routing.scoring.table import Table, build_table
from workers.lead_routing.scoring.training import DEFAULT, Progress, Recipe, Trained, score_table, train

FEWEST_NEW_ROWS = 100
"""Fewer new outcomes than this judge nobody."""


@dataclass(frozen=True)
class Retrained:
    """A challenger and the verdict."""

    trained: Trained
    table: Table
    replace: bool
    why: str
    """The verdict in words."""
    champion: Metrics | None = None
    challenger: Metrics | None = None
    """Both on the same rows; None if there was nothing to compare."""


def retrain(
    rows: Iterable[Mapping[str, object]],
    schema: Schema,
    *,
    champion: bytes | None = None,
    seed: int = 1,
    window: int | None = None,
    recipe: Recipe = DEFAULT,
    progress: Progress | None = None,
) -> Retrained:
    """Train a challenger on the newest `window` recorded outcomes (None: all) and judge it; stores nothing.

    Args:
        rows: leads or flat rows with their outcome, as `table.build_table` reads them; at most one in a hundred bad
            rows is left out.
        schema: of the challenger; it must have the champion's features.
        champion: stored bytes of the active model; None: the challenger takes the place.
        seed: of the challenger.
        window: rows to learn from.
        recipe: how the challenger is made.
        progress: told of each step.

    Raises:
        DataError: if the rows cannot be used or are too few.
        SchemaError: if the champion has other features.
        ArtifactError: if the champion is broken.
    """
    old, version = read_payload(champion) if champion is not None else (None, "")
    if old is not None and old.model_schema["features"] != schema.model_dump(mode="json")["features"]:
        raise SchemaError(
            f"the active model {version} has other features than schema {schema.name!r}, so the two cannot be "
            "compared; use `fairlead scorer train` to change the features"
        )
    table = build_table(rows, schema, skip_bad=True)
    trained = train(table, seed=seed, window=window, recipe=recipe, progress=progress)
    if old is None:
        return Retrained(trained, table, replace=True, why="There was no active model, so this one takes the place.")
    newest = table.last(trained.held_out_rows)
    fresh = newest.times > old.trained_until
    caveat = ""
    if schema.order is None and not fresh.any():
        # Row numbers of another file say nothing; if the champion did see these rows it is flattered, and stays.
        fresh = np.ones(len(newest), dtype=bool)
        caveat = " The rows carry no time, so the champion may have seen some of them."
    index = np.flatnonzero(fresh)
    judged = newest.take(index)
    if len(index) < FEWEST_NEW_ROWS or len(set(judged.labels.tolist())) < 2:
        why = (
            f"{version} stays: only {len(index)} outcomes with {int(judged.labels.sum())} conversions are newer than "
            f"it, and {FEWEST_NEW_ROWS} with both outcomes are needed to judge."
        )
        return Retrained(trained, table, replace=False, why=why)
    ours = measure(judged.labels, trained.held_out_scores[index])
    theirs = measure(judged.labels, score_table(old, judged))
    better = ours.brier <= theirs.brier and ours.auc >= theirs.auc - auc_error(theirs)
    why = (
        f"{'The challenger replaces' if better else 'The challenger does not replace'} {version}: on the newest "
        f"{len(index):,} outcomes its Brier score is {ours.brier:.4f} against {theirs.brier:.4f}, its AUC "
        f"{ours.auc:.3f} against {theirs.auc:.3f} (standard error {auc_error(theirs):.3f}).{caveat}"
    )
    return Retrained(trained, table, better, why, theirs, ours)


def auc_error(metrics: Metrics) -> float:
    """Standard error of an AUC (Hanley and McNeil 1982, equation 2)."""
    auc = metrics.auc
    positive = metrics.rows * metrics.base_rate
    negative = metrics.rows - positive
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positive - 1) * (q1 - auc**2) + (negative - 1) * (q2 - auc**2)
    return math.sqrt(max(0.0, variance) / (positive * negative))
