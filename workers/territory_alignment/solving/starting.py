"""Whole accounts from shares of accounts: the first plan."""

from __future__ import annotations

import numpy as np

from workers.territory_alignment.solving.geography import Floats, Ints
from workers.territory_alignment.solving.model import Model, room

WHOLE = 1 - 1e-6


def made_whole(model: Model, share: Floats, costs: Floats, start: Ints | None = None) -> Ints:
    """Each account to one rep: whole ones as they are, the others where it is cheapest among those with room.

    The largest come first. A limit is broken only where nobody who may have the account has room; the search mends that.

    Args:
        model: the problem.
        share: n x m, from the relaxation; zeros if there is none.
        costs: n x m, what ranks the reps of an account.
        start: by account, the rep it has already; -1 for none.
    """
    owner = np.where(share.max(axis=1) >= WHOLE, share.argmax(axis=1), -1).astype(np.int64)
    if start is not None:
        kept = (start >= 0) & np.isfinite(model.cost[np.arange(len(start)), start])
        owner = np.where(kept, start, owner)
    load = model.loads(owner)
    most = room(model.limit)
    # A rep that the relaxation gave a part of the account is as good as any.
    ranked = np.where(share > 0, costs.min(axis=1, keepdims=True) - share, costs)
    missing = np.flatnonzero(owner < 0)
    heaviest = np.where(np.isfinite(model.cost[missing]), model.work[missing], 0.0).max(axis=1)
    for i in missing[np.argsort(-heaviest, kind="stable")]:
        over = np.maximum(load + model.work[i] - most, 0.0)
        allowed = np.isfinite(model.cost[i])
        fits = allowed & (over == 0)
        best = int(
            np.where(fits, ranked[i], np.inf).argmin() if fits.any() else np.where(allowed, over, np.inf).argmin()
        )
        owner[i] = best
        load[best] += model.work[i, best]
    return owner
