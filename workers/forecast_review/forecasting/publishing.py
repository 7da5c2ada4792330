"""From base forecasts to what is published at one origin: champions, reconciled, with intervals.

The same function makes the forecast of today and the ones that would have been published at earlier origins, each from
what was known there. That is what the published accuracy is measured on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.forecast_review.forecasting.choosing import Choice, choose, usable
from workers.forecast_review.forecasting.fitting import Base
from workers.forecast_review.forecasting.history import Floats
from workers.forecast_review.forecasting.incumbents import Incumbents
from workers.forecast_review.forecasting.intervals import half_widths
from workers.forecast_review.forecasting.models import GATE
from workers.forecast_review.forecasting.reconciling import reconcile


@dataclass(frozen=True)
class Published:
    """One origin's forecast for all nodes."""

    choices: list[Choice]
    base: Floats
    """nodes x horizon: the champions' forecasts before reconciliation."""
    value: Floats
    """nodes x horizon: adds up."""
    half: Floats
    """levels x nodes x horizon: half-widths of the intervals; NaN where there is no record."""


def publish(base: Base, at: int, *, margin: float, seed: int, incumbents: Incumbents | None = None) -> Published:
    """What is published at the origin in place `at`; `incumbents` as in `choosing.choose`."""
    choices = choose(base, at, margin=margin, incumbents=incumbents)
    models = [base.model(choice.champion) for choice in choices]
    now = _of_champions(base, at, models)
    places = usable(base, at)
    past = [_of_champions(base, o, models) for o in places]
    # A series that had not begun had no error, not a perfect forecast.
    actuals = [np.where(base.length[o][:, None] > 0, base.seen[at, o], np.nan) for o in places]
    errors = [actual - then for actual, then in zip(actuals, past, strict=True)]
    cases = np.concatenate(errors, axis=1) if errors else np.empty((len(models), 0))

    # Earlier forecasts as they would have added up: errors are those of what is published, not of its parts.
    together = np.concatenate([now, *past], axis=1)
    # What has not begun is nothing for certain, and must not be given a part of the others.
    spare = np.where(base.length[at] > 0, base.recent[at], 0.0)
    whole = reconcile(base.hierarchy, together, cases, spare, seed=seed)
    value, *then = np.split(whole, len(places) + 1, axis=1)
    missed = [actual - one for actual, one in zip(actuals, then, strict=True)]
    shape = (0, len(models), base.horizon)
    half = half_widths(
        np.stack(missed) if missed else np.empty(shape),
        base.recent[places] if places else np.empty(shape[:2]),
        base.recent[at],
        sums=base.hierarchy.sums,
    )
    return Published(choices, now, value, half)


def _of_champions(base: Base, at: int, models: list[int]) -> Floats:
    """Each node's champion at an origin; the seasonal naive forecast, or nothing yet (0), where there was none."""
    found = base.forecasts[at, np.arange(len(models)), models]
    naive = base.forecasts[at, :, base.model(GATE)]
    return np.nan_to_num(np.where(np.isfinite(found).all(axis=1, keepdims=True), found, naive))
