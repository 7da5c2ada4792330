"""Measures of a score against outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from workers.lead_routing.scoring.table import Floats, Ints

BINS = 10


@dataclass(frozen=True)
class Bin:
    """One row of a reliability table."""

    rows: int
    predicted: float
    observed: float


@dataclass(frozen=True)
class Metrics:
    """How good a score was on rows it had not seen."""

    rows: int
    base_rate: float
    auc: float
    ece: float
    brier: float
    top_half_capture: float
    """Share of all conversions among the half of the leads with the highest scores."""


def reliability(labels: Ints, scores: Floats) -> list[Bin]:
    """Ten bins of equal size by score: mean prediction against observed rate."""
    order = np.argsort(scores, kind="stable")
    return [
        Bin(len(part), float(scores[part].mean()), float(labels[part].mean()))
        for part in np.array_split(order, BINS)
        if len(part)
    ]


def calibration_error(labels: Ints, scores: Floats) -> float:
    """Expected calibration error over ten bins of equal size (Naeini et al. 2015, with equal-mass bins)."""
    return sum(b.rows * abs(b.predicted - b.observed) for b in reliability(labels, scores)) / len(labels)


def top_half_capture(labels: Ints, scores: Floats) -> float:
    """Share of the positives in the upper half by score."""
    order = np.argsort(-scores, kind="stable")[: len(scores) // 2]
    return float(labels[order].sum() / labels.sum())


def measure(labels: Ints, scores: Floats) -> Metrics:
    """All measures; `labels` must hold both outcomes."""
    return Metrics(
        rows=len(labels),
        base_rate=float(labels.mean()),
        auc=float(roc_auc_score(labels, scores)),
        ece=calibration_error(labels, scores),
        brier=float(np.mean((scores - labels) ** 2)),
        top_half_capture=top_half_capture(labels, scores),
    )


def mean_metrics(parts: Sequence[Metrics]) -> Metrics:
    """Mean over folds; rows are summed."""
    return Metrics(
        rows=sum(part.rows for part in parts),
        **{
            name: float(np.mean([getattr(part, name) for part in parts]))
            for name in ("base_rate", "auc", "ece", "brier", "top_half_capture")
        },
    )
