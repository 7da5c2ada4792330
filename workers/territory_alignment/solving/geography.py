"""Distances on the globe, and which accounts are neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, QhullError

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

EARTH_KM = 6371.0088
"""Mean radius, IUGG."""


def distances(from_places: Floats, to_places: Floats) -> Floats:
    """Great-circle distances in km (haversine formula); places are rows of latitude and longitude in degrees.

    Returns:
        len(from_places) x len(to_places).
    """
    one, other = np.radians(from_places)[:, None, :], np.radians(to_places)[None, :, :]
    half = np.sin((other - one) / 2) ** 2
    found: Floats = (
        2
        * EARTH_KM
        * np.arcsin(np.sqrt(np.clip(half[..., 0] + np.cos(one[..., 0]) * np.cos(other[..., 0]) * half[..., 1], 0, 1)))
    )
    return found


def neighbours(places: Floats) -> Ints:
    """Pairs of neighbours: the edges of the Delaunay triangulation of the places, in an equirectangular projection.

    Places that are the same are joined in a chain. Rows of two positions, the smaller first.
    """
    spots, first, where = np.unique(places, axis=0, return_index=True, return_inverse=True)
    pairs: set[tuple[int, int]] = set()
    at: dict[int, int] = {}
    for i, spot in enumerate(where.ravel().tolist()):
        if spot in at:
            pairs.add((at[spot], i))
        at[spot] = i
    scaled = spots * np.array([1.0, np.cos(np.radians(spots[:, 0].mean()))])
    for a, b in _edges(scaled):
        i, j = int(first[a]), int(first[b])
        pairs.add((min(i, j), max(i, j)))
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


def _edges(spots: Floats) -> Sequence[tuple[int, int]]:
    try:
        corners = Delaunay(spots).simplices
    except (QhullError, ValueError):
        # Fewer than three places, or all on one line: each is the neighbour of the next along it.
        order = np.lexsort(spots.T)
        return list(pairwise(order.tolist()))
    return [(triangle[a], triangle[b]) for triangle in corners for a, b in ((0, 1), (1, 2), (0, 2))]
