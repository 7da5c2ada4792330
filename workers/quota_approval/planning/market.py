"""What the reps of a segment, and of all segments, have in common: claimed by the forecast, weighed by history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Factors = tuple[float, float]
"""On the standard deviations of what all segments have in common, and of what is each one's alone."""

_TRIED = tuple(map(float, np.geomspace(0.1, 3.0, 20)))


@dataclass(frozen=True)
class Market:
    """The segments' relative surprises, as the forecast claims them: one common factor, and a part of each alone."""

    together: Floats
    """segments: loading on the common factor."""
    alone: Floats
    """segments: standard deviation of the rest."""

    def covariance(self, factors: Factors) -> Floats:
        """Of the segments, segments x segments."""
        found: Floats = np.outer(self.together, self.together) * factors[0] ** 2 + np.diag(
            (self.alone * factors[1]) ** 2
        )
        return found


@dataclass(frozen=True)
class Seen:
    """One period's reps against what was expected."""

    errors: Floats
    """reps: result over expected, less 1."""
    mix: Floats
    """reps x segments: shares of the expectation."""
    market: Market

    def shock(self, variances: Floats, factors: Factors) -> Floats:
        """The segments' surprises: posterior mean given the errors, whose own parts have `variances` (Bayesian regression)."""
        covariance = self.market.covariance(factors)
        weighed = self.mix.T / variances
        inner = np.eye(len(covariance)) + weighed @ self.mix @ covariance
        found: Floats = covariance @ np.linalg.solve(inner, weighed @ self.errors)
        return found


def likeliest(seen: Sequence[Seen], variances: Sequence[Floats]) -> Factors:
    """The factors that make all errors likeliest, with a weak prior around 1 (one standard deviation is a factor of 2).

    Two factors, as months that do not miss together make both too wide, but not alike, and pipeline tells something of
    segments apart and nothing of all together.
    """
    best, most = (1.0, 1.0), -np.inf
    parts = [(x.mix.T / v @ x.mix, x.mix.T / v @ x.errors, x.market) for x, v in zip(seen, variances, strict=True)]
    for factors in product(_TRIED, _TRIED):
        # The marginal likelihood, by Woodbury's identity in the number of segments.
        found = -0.5 * float((np.log2(factors) ** 2).sum())
        for a, b, market in parts:
            covariance = market.covariance(factors)
            inner = np.eye(len(b)) + a @ covariance
            found += 0.5 * float(b @ covariance @ np.linalg.solve(inner, b) - np.linalg.slogdet(inner)[1])
        if found > most:
            best, most = factors, found
    return best
