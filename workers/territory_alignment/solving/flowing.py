"""Whether accounts would fit into limits if they could be divided: a transport LP, by HiGHS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, sparse

from workers.territory_alignment.solving.exactly import Flags
from workers.territory_alignment.solving.geography import Floats


@dataclass(frozen=True)
class Shortage:
    """What does not fit, and where."""

    work: float
    """Hours that nobody has room for; 0 if all fit."""
    full: Flags
    """Reps whose limits are too small together."""
    confined: Flags
    """Accounts that can only go to those."""


def shortage(allowed: Flags, work: Floats, limit: Floats) -> Shortage:
    """The least work that is left over when accounts are divided among reps that are allowed, up to the limits.

    Accounts with the same reps are one in the LP, so that thousands of them cost little.
    """
    tight = np.flatnonzero(np.isfinite(limit))
    # Whoever may go to somebody without a limit always fits.
    rows = np.flatnonzero(~allowed[:, np.isinf(limit)].any(axis=1))
    none = Shortage(0.0, np.zeros(len(limit), bool), np.zeros(len(work), bool))
    if not len(rows) or not len(tight):
        return none
    patterns, kind = np.unique(allowed[np.ix_(rows, tight)], axis=0, return_inverse=True)
    amount = np.bincount(kind.ravel(), work[rows], len(patterns))
    lines, columns = np.nonzero(patterns)
    pairs, at = len(lines), np.arange(len(lines))
    slack = sparse.eye_array(len(patterns))
    found = optimize.linprog(
        np.concatenate([np.zeros(pairs), np.ones(len(patterns))]),
        A_ub=sparse.hstack(
            [
                sparse.csr_array((np.ones(pairs), (columns, at)), (len(tight), pairs)),
                sparse.csr_array((len(tight), len(patterns))),
            ]
        ),
        b_ub=limit[tight],
        A_eq=sparse.hstack([sparse.csr_array((np.ones(pairs), (lines, at)), (len(patterns), pairs)), slack]),
        b_eq=amount,
        method="highs-ds",
    )
    if found.fun <= 1e-7 * max(float(work.sum()), 1.0):
        return none
    full, confined = none.full.copy(), none.confined.copy()
    full[tight] = found.ineqlin.marginals < -0.5
    confined[rows] = ~(allowed[rows] & ~full).any(axis=1)
    return Shortage(float(found.fun), full, confined)
