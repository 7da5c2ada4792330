"""The final forecast: what the models said, with what people changed, adding up again over the hierarchy.

The rule. Bottom segments carry the figures; every sum is added up from them anew. In each month the narrower override
wins: overrides are applied from the node with the fewest bottom segments to the one with the most (equally wide ones by
name). Each spreads what is left of its figure, after the bottom segments that an earlier one settled, over its other
bottom segments in proportion to the base (to its size, where it is negative; evenly where it is zero). So an override
of a bottom segment moves all sums above it, one of a sum moves its parts, and a sum that was overridden too holds: its
other parts make up for it.

A wider override yields, and is told, where nothing is left to spread over, or where less than nothing is left although
the base is not negative: its free segments become zero then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TOTAL = "total"
SEPARATOR = "/"
ACROSS = "*"
"""Stands in a group's name for a level that is summed over: ``*/Food retailing``."""

TOLERANCE = 1e-9
"""Relative; below it two figures are the same."""

Months = Sequence[float]
"""One figure for each month of the forecast, in the data's unit."""


class UnknownSegment(ValueError):
    """An override names a segment or month that the forecast does not have."""


@dataclass(frozen=True, slots=True)
class Override:
    """What a person changed of one segment."""

    segment: str
    values: Mapping[str, float]
    """Month (``2019-01``) → figure; months that are not named were not changed."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """An override that could not be kept, as narrower ones won."""

    segment: str
    month: str
    asked: float
    given: float

    @property
    def text(self) -> str:
        """In words."""
        return (
            f"{self.segment}, {self.month}: {self.asked:,.2f} was asked for, "
            f"{self.given:,.2f} is what overrides further down add up to"
        )


@dataclass(frozen=True, slots=True)
class Composed:
    """The final layer."""

    values: Mapping[str, tuple[float, ...]]
    """Segment → one figure a month; sums are sums of their bottom segments."""
    conflicts: tuple[Conflict, ...]


def bottom_of(segments: Sequence[str]) -> tuple[str, ...]:
    """The segments that nothing is below, from the segments' names (see docs/adr/0010-forecasting.md).

    A segment is a path; a prefix of other paths is their sum, `TOTAL` is the sum of all, and `ACROSS` in a path stands
    for any part at its place.
    """
    prefixes = {
        SEPARATOR.join(parts[:depth])
        for parts in (name.split(SEPARATOR) for name in segments)
        for depth in range(1, len(parts))
    }
    lowest = [name for name in segments if name not in prefixes and not _across(name)]
    # A single series may be called as its own sum is.
    return tuple(name for name in lowest if name != TOTAL) or tuple(lowest)


def members(segments: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Which bottom segments each segment adds up; a bottom segment is its own sum."""
    places = {name: name.split(SEPARATOR) for name in bottom_of(segments)}
    found: dict[str, tuple[str, ...]] = {}
    for name in segments:
        if name in places:
            found[name] = (name,)
        elif name == TOTAL:
            found[name] = tuple(places)
        else:
            wanted = name.split(SEPARATOR)
            found[name] = tuple(one for one, path in places.items() if _below(wanted, path))
    return found


def parents(segments: Sequence[str]) -> dict[str, str | None]:
    """The sum that each segment is shown below: of its path's prefixes the longest that is there, else `TOTAL`.

    None for `TOTAL`, for the longest sums where there is none, and for sums across the hierarchy, which are nobody's part.
    """
    known = set(segments)
    found: dict[str, str | None] = {}
    for name in segments:
        parts = name.split(SEPARATOR)
        prefixes = (SEPARATOR.join(parts[:depth]) for depth in range(len(parts) - 1, 0, -1))
        above = next((prefix for prefix in prefixes if prefix in known), TOTAL if TOTAL in known else None)
        found[name] = None if name == TOTAL or _across(name) else above
    return found


def compose(months: Sequence[str], base: Mapping[str, Months], overrides: Sequence[Override]) -> Composed:
    """Put overrides on the base by the module's rule. The order in which they are given does not matter.

    Only the base of the bottom segments is read. One override a segment.

    Raises:
        UnknownSegment: an override names what the forecast does not have; the message says what.
    """
    below = members(list(base))
    asked = {one.segment: one.values for one in overrides}
    _check(months, below, asked)
    order = sorted(asked, key=lambda name: (len(below[name]), name))
    final = {name: list(base[name]) for name in bottom_of(list(base))}
    yielded: list[tuple[str, int]] = []
    for place, month in enumerate(months):
        settled: set[str] = set()
        for name in order:
            if month in asked[name]:
                if not _apply(asked[name][month], below[name], place, base, final, settled):
                    yielded.append((name, place))
                settled.update(below[name])
    values = {name: tuple(sum(final[part][place] for part in parts) for place in range(len(months)))
              for name, parts in below.items()}  # fmt: skip
    conflicts = [Conflict(name, months[place], asked[name][months[place]], values[name][place])
                 for name, place in yielded]  # fmt: skip
    return Composed(values, tuple(sorted(conflicts, key=lambda one: (one.segment, one.month))))


def _apply(
    figure: float,
    parts: Sequence[str],
    place: int,
    base: Mapping[str, Months],
    final: Mapping[str, list[float]],
    settled: set[str],
) -> bool:
    """Spread one figure over what is free below it; whether it could be kept."""
    free = [part for part in parts if part not in settled]
    left = figure - sum(final[part][place] for part in parts if part in settled)
    if not free:
        return abs(left) <= TOLERANCE * max(1.0, abs(figure))
    before = [base[part][place] for part in free]
    kept = True
    if left < 0 <= min(before) and len(free) < len(parts):
        kept, left = abs(left) <= TOLERANCE * max(1.0, abs(figure)), 0.0
    size, change = sum(abs(value) for value in before), left - sum(before)
    for part, value in zip(free, before, strict=True):
        final[part][place] = value + change * (abs(value) / size if size else 1 / len(free))
    return kept


def _check(months: Sequence[str], below: Mapping[str, Sequence[str]], asked: Mapping[str, Mapping[str, float]]) -> None:
    for name, values in asked.items():
        if name not in below:
            raise UnknownSegment(f"There is an override of {name!r}, and the forecast has no such segment.")
        if strange := sorted(set(values) - set(months)):
            raise UnknownSegment(
                f"The override of {name} names {', '.join(strange)}; the forecast goes from {months[0]} to {months[-1]}."
            )


def _across(name: str) -> bool:
    return ACROSS in name.split(SEPARATOR)


def _below(wanted: Sequence[str], path: Sequence[str]) -> bool:
    return len(path) >= len(wanted) and all(
        part in {ACROSS, here} for part, here in zip(wanted, path[: len(wanted)], strict=True)
    )
