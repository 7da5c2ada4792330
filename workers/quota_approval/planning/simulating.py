"""Monte Carlo of a period: results of all reps together, with what they have in common, summed over the tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from workers.quota_approval.planning.market import Floats
from workers.quota_approval.planning.organisation import Organisation
from workers.quota_approval.planning.outlook import Outlook

QUANTILES = (0.1, 0.5, 0.9)
_BLOCK = 500
"""Draws at a time: with 2,000 reps about 20 MB."""


@dataclass(frozen=True)
class Simulated:
    """What the draws gave, for all nodes in the order of the organisation."""

    odds: Floats
    """nodes: share of draws in which the node reached its quota; 1 where the quota is nothing."""
    results: Floats
    """units x quantiles: results, money."""
    attaining: Floats
    """units x quantiles: how many reps below reach their quotas."""


def draw(outlook: Outlook, draws: int, seed: int) -> Iterator[Floats]:
    """Blocks of draws x reps: results, money; never below zero. The same seed gives the same results."""
    random = np.random.default_rng(seed)
    values, vectors = np.linalg.eigh(outlook.market)
    loading = outlook.mix @ (vectors * np.sqrt(np.maximum(values, 0.0)))
    for start in range(0, draws, _BLOCK):
        count = min(_BLOCK, draws - start)
        market = random.standard_normal((count, loading.shape[1])) @ loading.T
        alone = outlook.scores[random.integers(0, len(outlook.scores), (count, len(outlook.expected)))]
        yield outlook.expected * np.maximum(1.0 + market + outlook.own * alone, 0.0)


def simulate(organisation: Organisation, outlook: Outlook, quotas: Sequence[float], draws: int, seed: int) -> Simulated:
    """Odds and spread of every node; `quotas` in money, nodes in the order of the organisation."""
    aims = np.asarray(quotas, dtype=np.float64)
    members, units = organisation.members.T.tocsr(), organisation.units
    reached = np.zeros(len(aims))
    sums, counts = [], []
    for results in draw(outlook, draws, seed):
        made = results >= aims[units:]
        above = results @ members
        reached += np.concatenate([(above >= aims[:units]).sum(axis=0), made.sum(axis=0)])
        sums.append(above)
        counts.append(made.astype(np.float64) @ members)
    return Simulated(
        reached / draws,
        np.quantile(np.concatenate(sums), QUANTILES, axis=0).T,
        np.quantile(np.concatenate(counts), QUANTILES, axis=0).T,
    )
