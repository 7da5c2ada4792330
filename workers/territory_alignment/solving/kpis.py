"""What people compare plans by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from workers.territory_alignment.solving import model as models
from workers.territory_alignment.solving.geography import Floats, Ints, distances, neighbours
from workers.territory_alignment.solving.organisation import Organisation


@dataclass(frozen=True)
class Kpis:
    """One plan's figures. Shares are relative: 0.05 is five percent."""

    accounts: int
    without_owner: int
    """Accounts that nobody among the reps has."""
    work_off: float
    """Share of all work that would have to move to be even (in proportion to capacities)."""
    potential_off: float
    """Likewise, of all potential."""
    highest_load: float
    """The fullest rep's load in shares of the capacity."""
    lowest_load: float
    over_limit: int
    """Reps whose load exceeds their maximum."""
    travel_km: float
    """From rep to account, mean over hours of work."""
    changed_hands: int
    """Accounts whose owner differs from today's; those without an owner today don't count."""
    changed_share: float
    """Of all accounts with an owner."""
    relationships_lost: float
    """Share of all relationships, by their length."""
    potential_moved: float
    """Potential of the accounts that change hands, in the data's currency."""
    islands: int
    """Pieces of territories beyond one a rep: accounts that no chain of neighbours joins to the rest."""


def kpis(organisation: Organisation, owner: Ints) -> Kpis:
    """The figures of a plan: by account, its rep's position; negative for nobody. It may break hard rules."""
    accounts, reps = organisation.accounts, organisation.reps
    work = np.array([one.workload for one in accounts])
    potential = np.array([one.potential for one in accounts])
    capacity = np.array([one.capacity for one in reps])
    has = owner >= 0
    load = models.totals(owner, work, len(reps))
    today = models.owners(organisation)
    known = today != -1
    changed = known & has & (owner != today)
    relations = models.relationships(organisation)
    km = distances(models.places(accounts), models.places(reps))[np.arange(len(owner)), np.where(has, owner, 0)]
    limit = models.limits(organisation)
    return Kpis(
        accounts=len(accounts),
        without_owner=int((~has).sum()),
        work_off=_off(load, capacity),
        potential_off=_off(models.totals(owner, potential, len(reps)), capacity),
        highest_load=float((load / capacity).max()),
        lowest_load=float((load / capacity).min()),
        over_limit=int((load > models.room(limit)).sum()),
        travel_km=float(models.shares(work * has) @ np.where(has, km, 0.0)),
        changed_hands=int(changed.sum()),
        changed_share=float(changed.sum() / max(known.sum(), 1)),
        relationships_lost=float(models.shares(relations) @ changed),
        potential_moved=float(potential[changed].sum()),
        islands=islands(models.places(accounts), owner, len(reps)),
    )


def _off(amounts: Floats, capacity: Floats) -> float:
    return float(np.abs(models.shares(amounts) - models.shares(capacity)).sum() / 2) if amounts.sum() else 0.0


def islands(places: Floats, owner: Ints, reps: int) -> int:
    """Connected pieces of all territories, less one for each rep that has any."""
    pairs = neighbours(places)
    same = pairs[(owner[pairs[:, 0]] == owner[pairs[:, 1]]) & (owner[pairs[:, 0]] >= 0)]
    graph = coo_array((np.ones(len(same)), (same[:, 0], same[:, 1])), (len(owner), len(owner)))
    _, piece = connected_components(graph, directed=False)
    has = owner >= 0
    return int(len(np.unique(piece[has])) - len(np.unique(owner[has])))
