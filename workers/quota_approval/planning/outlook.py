"""How likely a rep attains a quota: one distribution for all, scaled to each rep's expectation and spread.

A rep's result is ``expected · (1 + market + own · U)``: `market` is what the rep's segments have in common with others
(normal, covariance from the forecast's intervals), `own · U` what is the rep's alone (U has the distribution of such
surprises in history, mean 0 and variance 1). With ``spread² = expected² · (market² + own²)`` the standardised quota is
``z = (quota - expected) / spread``, and the chance to miss it is

    F(z) = mean over scores u of Φ((z - a·u) / √(1 - a²)),   a² = median over reps of own² / (own² + market²).

That a is one for all is an approximation; it makes equal z equal odds. The simulation does not use it, and the calibration
table shows how well it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr

from workers.quota_approval.planning.market import Floats

_ROUGH = 0.05
"""Least share of the variance that is market in F, so that F is smooth where a forecast claims to be sure."""

_GRID = np.linspace(-12.0, 12.0, 2401)


@dataclass(frozen=True)
class Outlook:
    """What a period's results may be, as seen when it was planned."""

    expected: Floats
    """reps: money."""
    own: Floats
    """reps: standard deviation of what is the rep's alone, relative to `expected`."""
    mix: Floats
    """reps x segments: shares of the expectation."""
    market: Floats
    """segments x segments: covariance of relative surprises."""
    scores: Floats
    """Quantiles of U at evenly spaced probabilities."""

    @cached_property
    def common(self) -> Floats:
        """reps: variance of the market part, relative to `expected`²."""
        found: Floats = np.einsum("rs,st,rt->r", self.mix, self.market, self.mix)
        return found

    @cached_property
    def spread(self) -> Floats:
        """reps: standard deviation of the result, money."""
        found: Floats = self.expected * np.sqrt(self.common + self.own**2)
        return found

    @cached_property
    def _alone(self) -> float:
        real = self.expected > 0
        if not real.any():
            return 1.0 - _ROUGH
        part = self.own[real] ** 2 / np.maximum(self.own[real] ** 2 + self.common[real], 1e-12)
        return float(min(np.median(part), 1.0 - _ROUGH))

    def standard(self, quota: Floats) -> Floats:
        """The z of quotas; plus or minus infinity where a rep has no spread."""
        away = quota - self.expected
        safe = np.where(self.spread > 0, self.spread, 1.0)
        found: Floats = np.where(self.spread > 0, away / safe, np.where(away > 0, np.inf, -np.inf))
        return found

    def miss(self, z: Floats | float) -> Floats:
        """F: the chance that the result is below a standardised quota."""
        inner = (np.asarray(z, dtype=np.float64)[..., None] - np.sqrt(self._alone) * self.scores) / np.sqrt(
            1 - self._alone
        )
        found: Floats = ndtr(inner).mean(axis=-1)
        return found

    def at(self, chance: Floats | float) -> Floats:
        """The z that is missed with this chance, by interpolation (error below 0.001)."""
        return np.asarray(np.interp(chance, self.miss(_GRID), _GRID))

    def shortfall(self, quota: Floats) -> Floats:
        """Expected money by which results stay below quotas: E max(quota - result, 0) = spread · ∫F up to z."""
        z = self.standard(quota)
        width = np.sqrt(1 - self._alone)
        away = (np.where(np.isfinite(z), z, 0.0)[..., None] - np.sqrt(self._alone) * self.scores) / width
        below = (width * (away * ndtr(away) + np.exp(-(away**2) / 2) / np.sqrt(2 * np.pi))).mean(axis=-1)
        found: Floats = np.where(np.isfinite(z), self.spread * below, np.maximum(quota - self.expected, 0.0))
        return found
