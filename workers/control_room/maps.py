"""Maps that a page draws without a script and without another machine's tiles: places become points of a picture.

Dots of one owner and size are one path of lines without a length and with round ends (SVG 2, section 13.5.4), so that two
thousand of them are some tens of kilobytes. Maps of one `Atlas` have the same scale, so that they can be held side by side.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 1000, 750
"""Of the picture, in its own units."""
MARGIN = 40
SIZES = (14, 20, 27, 36)
"""Diameters of dots."""
RING = 8
"""By which what changes hands is wider."""
GOLDEN = 0.618034
"""Part of the circle of hues between those who follow each other: so they are far apart."""

Place = tuple[float, float]
"""Latitude and longitude in degrees."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Something that has a place, and an owner on each map."""

    place: Place
    weight: float
    """Its area follows it; in any unit."""
    owners: tuple[str | None, ...]
    """None: nobody of those whose map it is."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where an owner sits."""

    owner: str
    called: str
    place: Place


@dataclass(frozen=True, slots=True)
class Dots:
    """What one owner has on a map, one path for each size."""

    owner: str | None
    paths: tuple[tuple[int, str], ...]
    """Diameter and path data."""


@dataclass(frozen=True, slots=True)
class Atlas:
    """Maps of the same places."""

    maps: tuple[tuple[Dots, ...], ...]
    """What is nobody's first: it lies below."""
    rings: tuple[tuple[int, str], ...]
    """Below all dots whose owner is not the same on all maps, wider than these."""
    homes: tuple[tuple[Home, str], ...]
    """Each with the path of its triangle."""
    colours: Mapping[str, str]
    """Of owners, on each map and beside it (CSS Color 4): of one lightness, so that each stands out from a light page and from
    a dark one.
    """


def atlas(spots: Sequence[Spot], homes: Sequence[Home], owners: Sequence[str]) -> Atlas | None:
    """Draw places that lie in one part of the earth, in the colours of these owners; None: there is no place."""
    places = [one.place for one in (*spots, *homes)]
    if not places:
        return None
    point = _projection(places)
    heaviest = max((one.weight for one in spots), default=0.0)
    at = [point(one.place) for one in spots]
    sizes = [_size(one.weight, heaviest) for one in spots]

    def dots(number: int) -> tuple[Dots, ...]:
        by_owner: defaultdict[str | None, list[int]] = defaultdict(list)
        for place, spot in enumerate(spots):
            by_owner[spot.owners[number]].append(place)
        order = sorted(by_owner, key=lambda owner: (owner is not None, owner or ""))
        return tuple(Dots(owner, paths(by_owner[owner])) for owner in order)

    def paths(some: Sequence[int], wider: int = 0) -> tuple[tuple[int, str], ...]:
        return tuple(
            (size + wider, drawn)
            for size in reversed(SIZES)
            if (drawn := "".join(f"M{at[one][0]} {at[one][1]}h0" for one in some if sizes[one] == size))
        )

    changing = [place for place, spot in enumerate(spots) if len(set(spot.owners)) > 1]
    return Atlas(
        maps=tuple(dots(number) for number in range(len(spots[0].owners))) if spots else (),
        rings=paths(changing, RING),
        homes=tuple((one, _triangle(*point(one.place))) for one in homes),
        colours={
            owner: f"oklch(0.6 0.15 {round(360 * (number * GOLDEN % 1.0))})" for number, owner in enumerate(owners)
        },
    )


def _projection(places: Sequence[Place]) -> Callable[[Place], tuple[int, int]]:
    """Equirectangular, true at the middle latitude, all places within the margins."""
    south, north = min(one[0] for one in places), max(one[0] for one in places)
    west, east = min(one[1] for one in places), max(one[1] for one in places)
    narrowed = max(math.cos(math.radians((south + north) / 2)), 0.01)
    wide, high = (east - west) * narrowed, north - south
    scales = [(size - 2 * MARGIN) / span for size, span in ((WIDTH, wide), (HEIGHT, high)) if span > 0]
    scale = min(scales, default=1.0)  # all at one place: any

    def point(place: Place) -> tuple[int, int]:
        x = WIDTH / 2 + scale * narrowed * (place[1] - (west + east) / 2)
        y = HEIGHT / 2 - scale * (place[0] - (south + north) / 2)
        return round(x), round(y)

    return point


def _size(weight: float, heaviest: float) -> int:
    part = math.sqrt(max(weight, 0.0) / heaviest) if heaviest > 0 else 0.0
    return SIZES[min(int(part * len(SIZES)), len(SIZES) - 1)]


def _triangle(x: int, y: int) -> str:
    return f"M{x} {y - 17}l16 28h-32z"
