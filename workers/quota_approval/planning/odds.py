"""What history says about results: how far expectations are off, how much pipeline tells, how results scatter.

Everything is fitted on earlier periods only, by the same `expect` that plans. Residuals are relative: result / expected - 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.special import ndtri

from workers.quota_approval.planning.expecting import Expectation
from workers.quota_approval.planning.market import Factors, Floats, Seen, likeliest
from workers.quota_approval.planning.outlook import Outlook

Mask = NDArray[np.bool_]

SCORES = 99
LEAST_CASES = 30
"""Results below which history is not used."""
_PERIODS = 2.0
"""Periods of history at which their mean level counts as much as the forecast's claim to be unbiased."""
_SCATTER = (0.06, 0.02, 0.06)
"""Variance without history: a quarter either way for a rep at work all year with a usual territory, more otherwise."""
_SMALLEST = 0.1
"""A territory below this share of the median counts as one of this size; less capacity than this tells nothing."""
_MOST = 2.0
"""Above one: who has a better pipeline than the territory promises has a better year in what cannot be seen yet, too."""


@dataclass(frozen=True)
class Past:
    """An earlier period with what came: reps' results in money, NaN where not known."""

    expectation: Expectation
    results: Floats


@dataclass(frozen=True)
class Odds:
    """The parameters of `outlook`, from history."""

    level: float = 1.0
    """What came over what was expected."""
    credit: float = 0.0
    """How much of a rep's pipeline beyond the usual share counts."""
    market: Factors = (1.0, 1.0)
    """Factors on the forecast's spread, as its months do not miss together wholly."""
    scatter: tuple[float, float, float] = _SCATTER
    """own² = scatter · (1, median territory / own territory, 1 - capacity)."""
    scores: tuple[float, ...] = tuple(map(float, ndtri((np.arange(SCORES) + 0.5) / SCORES)))
    periods: tuple[str, ...] = ()
    """Those that it was fitted on; none: the values are assumptions."""
    cases: int = 0

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Odds:  # Any: JSON
        """From what `dataclasses.asdict` made of it."""
        lists = {name: tuple(card[name]) for name in ("market", "scatter", "scores", "periods")}
        return cls(**{**card, **lists})

    def outlook(self, expectation: Expectation) -> Outlook:
        """The distribution of a period's results."""
        return Outlook(
            self.level * _moved(expectation, self.credit),
            np.sqrt(_features(expectation) @ np.array(self.scatter)),
            expectation.mix,
            expectation.market.covariance(self.market),
            np.array(self.scores),
        )


def fit(history: Sequence[Past]) -> Odds:
    """Parameters from earlier periods; assumptions where there are fewer than 30 usable results."""
    usable = [_usable(past) for past in history]
    if sum(int(mask.sum()) for mask in usable) < LEAST_CASES:
        return Odds()
    pasts = [(past, mask) for past, mask in zip(history, usable, strict=True) if mask.any()]
    levels = [float(p.results[m].sum() / p.expectation.territory[m].sum()) for p, m in pasts]
    level = 1.0 + (float(np.mean(levels)) - 1.0) * len(levels) / (len(levels) + _PERIODS)
    credit = _credit(pasts, levels)
    scatter = np.array(_SCATTER)
    features = [_features(p.expectation)[m] for p, m in pasts]
    seen = [
        Seen(
            p.results[m] / (level * _moved(p.expectation, credit)[m]) - 1.0, p.expectation.mix[m], p.expectation.market
        )
        for p, m in pasts
    ]
    factors = (1.0, 1.0)
    for _ in range(4):
        variances = [np.maximum(one @ scatter, 1e-4) for one in features]
        factors = likeliest(seen, variances)
        rest = [one.errors - one.mix @ one.shock(v, factors) for one, v in zip(seen, variances, strict=True)]
        # Squares scatter with the variance itself: weighted by it, small territories do not decide for all.
        weights = 1 / np.concatenate(variances)
        squares = np.concatenate(rest) ** 2
        scatter = nnls(np.vstack(features) * weights[:, None], squares * weights)[0]
    own = np.concatenate([r / np.sqrt(np.maximum(f @ scatter, 1e-4)) for r, f in zip(rest, features, strict=True)])
    scatter = scatter * own.var()
    scores = np.quantile(own, (np.arange(SCORES) + 0.5) / SCORES)
    scores = (scores - scores.mean()) / scores.std()
    return Odds(
        level,
        credit,
        factors,
        (float(scatter[0]), float(scatter[1]), float(scatter[2])),
        tuple(map(float, scores)),
        tuple(p.expectation.period for p, _ in pasts),
        len(own),
    )


def _usable(past: Past) -> Mask:
    found: Mask = (
        np.isfinite(past.results) & (past.expectation.territory > 0) & (past.expectation.capacity >= _SMALLEST)
    )
    return found


def _moved(expectation: Expectation, credit: float) -> Floats:
    """Territory, moved towards the pipeline: who has more of it than is usual for the territory can expect more.

    The usual share is that of all reps together, so that pipeline moves expectations between reps and not their sum: the
    forecast knows it already.
    """
    territory = expectation.territory
    usual = expectation.pipeline.sum() / territory.sum() if territory.sum() > 0 else 0.0
    found: Floats = np.maximum(territory + credit * (expectation.pipeline - usual * territory), 0.0)
    return np.where(territory > 0, found, 0.0)


def _features(expectation: Expectation) -> Floats:
    territory = expectation.territory
    real = territory[territory > 0]
    middle = float(np.median(real)) if len(real) else 1.0
    small = middle / np.maximum(territory, _SMALLEST * middle)
    return np.column_stack([np.ones(len(territory)), small, 1.0 - expectation.capacity])


def _credit(pasts: Sequence[tuple[Past, Mask]], levels: Sequence[float]) -> float:
    """Least squares of surprises on surplus pipeline, both over territory, weighted by territory; from 0 to `_MOST`."""
    above = below = 0.0
    for (past, mask), level in zip(pasts, levels, strict=True):
        territory, pipeline = past.expectation.territory[mask], past.expectation.pipeline[mask]
        surplus = pipeline / territory - pipeline.sum() / territory.sum()
        surprise = past.results[mask] / territory - level
        above += float((territory * surplus * surprise).sum())
        below += float((territory * surplus**2).sum()) * level
    return float(np.clip(above / below, 0.0, _MOST)) if below > 0 else 0.0
