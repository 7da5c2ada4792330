"""Forecasts that add up: MinT (Wickramasuriya, Athanasopoulos & Hyndman 2019), by Nixtla's hierarchicalforecast."""

from __future__ import annotations

import warnings

import numpy as np
from hierarchicalforecast.methods import MinTrace, MinTraceSparse

from workers.forecast_review.forecasting.hierarchy import Hierarchy
from workers.forecast_review.forecasting.history import Floats

DENSE = 1_500
"""Nodes up to which the matrices are dense; above, sparse ones, solved step by step."""
METHOD = "wls_var"
"""MinT by the variances of the errors alone. Errors at a few origins, a horizon each, are too few and too alike for the
covariance of all nodes, even shrunk: on the retail series it made the bottom 5 % worse (docs/forecast.md)."""


def reconcile(hierarchy: Hierarchy, base: Floats, errors: Floats, spare: Floats, *, seed: int) -> Floats:
    """Make forecasts add up.

    Args:
        hierarchy: the sums.
        base: nodes x months, all finite.
        errors: nodes x cases: errors of the same models at earlier origins; NaN where there was none.
        spare: size of a node's errors where it has no record, one number a node; 0 where its forecast is certain.
        seed: of what stands in for missing errors.

    Returns:
        nodes x months; every sum is the sum of its parts to the last bit that addition leaves. Not negative where `base`
        is not.
    """
    if hierarchy.sums == 0:
        return base
    summing = hierarchy.summing
    cases = stand_in(errors, spare, seed)
    # Only how variances compare matters. The library takes sums below 1e-4 for a model that knew the answer, whatever the
    # unit, and refuses them; so errors are told in those of the middle node.
    cases /= np.median(np.sqrt(np.mean(cases**2, axis=1)))
    # Errors stand for "actual minus fitted": only their variance is used.
    known = {"y_insample": cases, "y_hat_insample": np.zeros_like(cases)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if len(hierarchy.nodes) <= DENSE:
            found = MinTrace(METHOD).fit_predict(S=summing.toarray(), y_hat=base, **known)["mean"]
        else:
            found = MinTraceSparse(METHOD).fit_predict(S=summing, y_hat=base, **known)["mean"]
    bottom = np.asarray(found, dtype=np.float64)[hierarchy.sums :]
    if (base >= 0).all():
        bottom = np.maximum(bottom, 0.0)
    reconciled: Floats = summing @ bottom
    return reconciled


def stand_in(errors: Floats, spare: Floats, seed: int) -> Floats:
    """Missing errors replaced by independent normal ones of the size given, so that a node without a record counts as
    uncertain and not as perfect.
    """
    if not errors.shape[1]:
        errors = np.full((len(errors), 2), np.nan)
    typical = float(np.nanmedian(spare[spare > 0])) if (spare > 0).any() else 1.0
    size = np.maximum(np.where(np.isfinite(spare), spare, typical), 1e-3 * typical)
    drawn = np.random.default_rng(seed).normal(size=errors.shape) * size[:, None]
    # Equal errors in every case have no variance; the smallest part of the size keeps the matrix regular.
    return np.where(np.isfinite(errors), errors, drawn) + 1e-6 * drawn
