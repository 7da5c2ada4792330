"""The sums above the bottom segments: parents along each path, groups across, and the total."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from workers.forecast_review.forecasting.history import SEPARATOR, TOTAL, History

ACROSS = "*"
"""Stands in a group's name for a level that is summed over: ``*/Food retailing``."""


@dataclass(frozen=True)
class Hierarchy:
    """Nodes, sums before bottom segments, and which bottom segments each one adds up."""

    nodes: tuple[str, ...]
    levels: tuple[str, ...]
    """Level of each node: ``total``, a level's name, or a group's names joined by ``*``."""
    summing: csr_matrix
    """nodes x bottom, sparse, 1 where the node contains the segment (S in Hyndman et al. 2011); its last rows are the identity."""

    @property
    def bottom(self) -> tuple[str, ...]:
        """The segments that nothing is below."""
        return self.nodes[self.sums :]

    @property
    def sums(self) -> int:
        """How many nodes are sums; they come first."""
        return len(self.nodes) - int(self.summing.shape[1])

    def members(self, node: int) -> tuple[str, ...]:
        """The bottom segments below a node, by its place."""
        part = slice(self.summing.indptr[node], self.summing.indptr[node + 1])
        return tuple(self.bottom[j] for j in self.summing.indices[part])


def build(history: History) -> Hierarchy:
    """The hierarchy of a history. A sum over a single segment is that segment and gets no node of its own."""
    bottom = sorted(history.series)
    members: dict[tuple[str, str], set[str]] = {}
    for name in bottom:
        path = history.series[name].path
        keys = [(TOTAL, TOTAL)]
        keys += [(SEPARATOR.join(path[:d]), _level(history, d)) for d in range(1, len(path))]
        for group in history.groups:
            parts = [part if level in group else ACROSS for level, part in zip(history.levels, path, strict=False)]
            keys.append((SEPARATOR.join(parts), ACROSS.join(group)))
        for key in keys:
            members.setdefault(key, set()).add(name)
    sums: dict[frozenset[str], tuple[str, str]] = {}
    for key, below in members.items():
        if len(below) > 1:
            sums.setdefault(frozenset(below), key)
    order = {level: depth for depth, level in enumerate((TOTAL, *history.levels))}
    rows = sorted(sums.items(), key=lambda item: (order.get(item[1][1], len(order)), item[1][0]))
    place = {name: i for i, name in enumerate(bottom)}
    columns = [sorted(place[name] for name in names) for names, _ in rows] + [[i] for i in range(len(bottom))]
    ends = np.cumsum([0, *(len(part) for part in columns)])
    inner = np.concatenate(columns)
    summing = csr_matrix((np.ones(len(inner)), inner, ends), shape=(len(columns), len(bottom)))
    return Hierarchy(
        (*(key[0] for _, key in rows), *bottom),
        (*(key[1] for _, key in rows), *(_level(history, len(history.series[name].path)) for name in bottom)),
        summing,
    )


def _level(history: History, depth: int) -> str:
    """Name of the level at a depth, counted from 1."""
    return history.levels[depth - 1] if depth <= len(history.levels) else f"level_{depth}"
