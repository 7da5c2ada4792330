"""Why an account has its rep, in words: what a manager reads beside each change."""

from __future__ import annotations

import numpy as np

from workers.territory_alignment.solving import model as models
from workers.territory_alignment.solving.geography import Ints, distances
from workers.territory_alignment.solving.organisation import Organisation, Weights

NOTABLE_KM = 5.0
"""A difference of the way that is worth a word."""
NOTABLE_LOAD = 0.02
"""Likewise, of a load in shares of the even one."""


def reasons(organisation: Organisation, owner: Ints, weights: Weights) -> list[str]:
    """By account, one sentence; empty where it stays with its owner."""
    accounts, reps, rules = organisation.accounts, organisation.reps, organisation.rules
    today, allowed = models.owners(organisation), models.allowed(organisation)
    km = distances(models.places(accounts), models.places(reps))
    work = np.array([one.workload for one in accounts])
    even = work.sum() * models.shares(np.array([rep.capacity for rep in reps]))
    before = models.totals(today, work, len(reps)) / np.maximum(even, 1e-12)
    found = []
    for i, account in enumerate(accounts):
        old, new = int(today[i]), int(owner[i])
        if old == new:
            found.append("")
            continue
        parts = []
        if account.id in rules.locked:
            parts.append(f"it is locked to {reps[new].id}")
        elif old == -1:
            parts.append("it had no owner")
        elif old == -2:
            parts.append(f"{account.owner} is not there any more")
        elif not allowed[i, old]:
            parts.append(f"the rules do not allow {account.owner}")
        else:
            if weights.travel and km[i, old] - km[i, new] >= NOTABLE_KM:
                parts.append(f"{km[i, new]:.0f} km instead of {km[i, old]:.0f}")
            if before[old] > 1 + NOTABLE_LOAD and before[old] > before[new]:
                parts.append(f"{account.owner} had {before[old]:.0%} of an even load, {reps[new].id} {before[new]:.0%}")
        if old < 0 or not parts:
            parts.append(f"{km[i, new]:.0f} km" if old < 0 else "it makes the whole come out better")
        found.append("; ".join(parts))
    return found
