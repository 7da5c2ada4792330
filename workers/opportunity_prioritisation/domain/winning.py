"""The chance that an opportunity is won, by a logistic model with calibration; no library is needed to ask it.

The model is plain numbers, so that it is stored as JSON and can be read by people: training, which needs scikit-learn, is
`winning.training`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from workers.opportunity_prioritisation.domain.opportunity import Opportunity

NUMBERS = ("log_amount", "log_age", "log_in_stage", "log_silence", "log_contacts", "competitors", "decision_maker")
"""Numeric features, in the model's order."""
_WORDS = {
    "log_amount": "the amount",
    "log_age": "how long it is open",
    "log_in_stage": "how long it is in this stage",
    "log_silence": "the time since the last contact",
    "log_contacts": "the number of contacts",
    "competitors": "the competitors",
    "decision_maker": "the talk with who decides",
    "stage": "the stage",
    "source": "the source",
}
_REASONS = 2


@dataclass(frozen=True, slots=True)
class WinModel:
    """What training found; frozen numbers."""

    version: str
    means: Mapping[str, float]
    """Of each numeric feature, over the training rows."""
    scales: Mapping[str, float]
    weights: Mapping[str, float]
    """Of each standardised numeric feature."""
    stages: Mapping[str, float]
    """Log-odds of each stage; one that is unknown counts 0."""
    sources: Mapping[str, float]
    intercept: float
    knots: Sequence[tuple[float, float]]
    """Calibration: raw chance → calibrated chance, both rising; in between it is linear."""

    def raw(self, found: Opportunity, at: datetime) -> float:
        """The chance before calibration."""
        return 1 / (1 + math.exp(-(self.intercept + sum(self._parts(found, at).values()))))

    def chance(self, found: Opportunity, at: datetime) -> float:
        """The calibrated chance, 0 to 1."""
        return _interpolated(self.knots, self.raw(found, at))

    def reasons(self, found: Opportunity, at: datetime) -> list[str]:
        """What moves it most against the average training row, in words, the strongest first; no causes."""
        parts = sorted(self._parts(found, at).items(), key=lambda part: -abs(part[1]))
        return [
            f"{_WORDS[name]} {'speaks for it' if part > 0 else 'speaks against it'}"
            for name, part in parts[:_REASONS]
            if abs(part) > 0.05
        ]

    def _parts(self, found: Opportunity, at: datetime) -> dict[str, float]:
        numbers = numbers_of(found, at)
        parts = {name: self.weights[name] * (numbers[name] - self.means[name]) / self.scales[name] for name in NUMBERS}
        parts["stage"] = self.stages.get(found.stage, 0.0)
        parts["source"] = self.sources.get(found.source, 0.0)
        return parts


def numbers_of(found: Opportunity, at: datetime) -> dict[str, float]:
    """The numeric features of an opportunity at a moment."""

    def days(since: datetime) -> float:
        return max((at - since).total_seconds() / 86_400, 0.0)

    return {
        "log_amount": math.log1p(found.amount),
        "log_age": math.log1p(days(found.opened_at)),
        "log_in_stage": math.log1p(days(found.stage_since)),
        "log_silence": math.log1p(found.silent_days(at)),
        "log_contacts": math.log1p(found.contacts),
        "competitors": float(found.competitors),
        "decision_maker": float(found.decision_maker),
    }


def _interpolated(knots: Sequence[tuple[float, float]], value: float) -> float:
    if value <= knots[0][0]:
        return knots[0][1]
    for (low, at_low), (high, at_high) in pairwise(knots):
        if value <= high:
            return at_low + (at_high - at_low) * ((value - low) / (high - low) if high > low else 1.0)
    return knots[-1][1]
