"""Prediction intervals that cover what they say: conformal, from errors of the same pipeline at earlier origins.

Normalised split conformal prediction (Lei et al. 2018; Vovk, Gammerman & Shafer 2005): an error is divided by what makes
errors differ (the series' recent seasonal differences, how errors grow with the month ahead, and how hard the series was
so far), and the quantile of these scores over all nodes of a kind gives the interval. Nothing is assumed of the errors'
distribution; what is assumed is that scores of the past and the future are alike.
"""

from __future__ import annotations

import warnings

import numpy as np

from workers.forecast_review.forecasting.history import Floats

LEVELS = (80, 95)
"""Percent that the intervals are to cover."""
_PRIOR = 4.0
"""Origins of its own at which a series' spread counts as much as that of all: the months ahead of one origin miss together,
so that an origin says little."""


def half_widths(errors: Floats, scales: Floats, now: Floats, *, sums: int) -> Floats:
    """Half-widths of the intervals.

    Args:
        errors: origins x nodes x months ahead, of the pipeline at earlier origins; NaN where not known.
        scales: origins x nodes: the series' recent scale at those origins.
        now: the same at the origin that is forecast from, one number a node.
        sums: how many nodes are sums (they come first); sums and bottom segments have quantiles of their own.

    Returns:
        levels x nodes x months ahead; NaN where there is no record at all.
    """
    nodes, horizon = errors.shape[1:]
    found = np.full((len(LEVELS), nodes, horizon), np.nan)
    scores = np.abs(errors) / scales[:, :, None]
    for part in (slice(0, sums), slice(sums, nodes)):
        mine = scores[:, part]
        if not np.isfinite(mine).any():
            continue
        growth = _growth(mine)
        flat = mine / growth
        # Each error is judged by the other origins' factor, as a future one will be.
        known = (flat / _own(flat, leave_out=True)[:, :, None])[np.isfinite(flat)]
        own = _own(flat)[0]
        for q, percent in enumerate(LEVELS):
            # The rank that holds for a finite number of scores.
            rank = min(1.0, np.ceil((len(known) + 1) * percent / 100) / len(known))
            quantile = float(np.quantile(known, rank))
            found[q, part] = quantile * own[:, None] * growth[None, :] * now[part, None]
    return found


def _growth(scores: Floats) -> Floats:
    """How the typical score grows with the month ahead: a straight line in root mean squares, never falling."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        typical = np.nanmean(scores, axis=(0, 1))
    steps = np.arange(len(typical), dtype=np.float64)
    ok = np.isfinite(typical)
    if ok.sum() < 2:
        return np.ones(len(typical))
    slope, level = np.polyfit(steps[ok], typical[ok], 1)
    line = np.maximum(slope, 0.0) * steps + (level if slope > 0 else typical[ok].mean())
    grown: Floats = np.maximum(line, 0.1 * typical[ok].mean() + 1e-12)
    return grown


def _own(scores: Floats, *, leave_out: bool = False) -> Floats:
    """Each node's factor: its mean score, shrunk towards the mean of all.

    One row, from all origins; or with `leave_out` a row an origin, each from the others.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        by_origin = np.nanmean(scores, axis=2)
        overall = float(np.nanmean(by_origin))
    there = np.isfinite(by_origin)
    total = np.nansum(by_origin, axis=0, keepdims=True)
    count = there.sum(axis=0, keepdims=True)
    if leave_out:
        total, count = total - np.nan_to_num(by_origin), count - there
    factor: Floats = (total + _PRIOR * overall) / (count + _PRIOR)
    return np.maximum(factor, 1e-12)
