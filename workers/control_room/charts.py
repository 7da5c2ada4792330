"""Lines over months as a picture that a page draws without a script: numbers become places in per cent of the picture.

The page puts lines and bands into an SVG that stretches (`vector-effect` keeps their strokes), and the labels beside it, in
the page's own letters: so nothing shrinks on a narrow screen. Colours are the style sheet's, by the names of the kinds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TICKS = 4
"""About so many labels on each side."""

Values = Mapping[str, float | None]
"""Month → figure; None and what is not there leave a gap."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line to be drawn."""

    kind: str
    values: Values


@dataclass(frozen=True, slots=True)
class Band:
    """What lies between two lines."""

    kind: str
    low: Values
    high: Values


@dataclass(frozen=True, slots=True)
class Tick:
    """A label and where it is, per cent from the left or from the top."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What the page draws, in a square of 100 by 100."""

    bands: tuple[tuple[str, str], ...]
    """Kind and path data (SVG 1.1, section 8.3)."""
    lines: tuple[tuple[str, str], ...]
    points: tuple[tuple[str, float, float], ...]
    """Figures without a neighbour, which a line would not show."""
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    split: float | None
    """Where the future begins."""


def chart(
    months: Sequence[str], lines: Sequence[Line], bands: Sequence[Band] = (), *, split: str | None = None
) -> Chart:
    """Draw figures of months (``2026-01``, in order); `split`: the first month of the future."""
    ticks = _nice([value for one in lines for value in one.values.values()]
                  + [value for one in bands for side in (one.low, one.high) for value in side.values()])  # fmt: skip
    low, high = ticks[0], ticks[-1]
    place = {month: 100 * (number + 0.5) / len(months) for number, month in enumerate(months)}

    def up(value: float) -> float:
        return 100 * (high - value) / (high - low)

    def parts(*sides: Values) -> list[list[str]]:
        """Months that follow each other and have all figures."""
        found: list[list[str]] = [[]]
        for month in months:
            if all(side.get(month) is not None for side in sides):
                found[-1].append(month)
            elif found[-1]:
                found.append([])
        return [part for part in found if part]

    def path(part: Sequence[str], side: Values) -> str:
        return " ".join(f"{place[month]:.2f},{up(_known(side[month])):.2f}" for month in part)

    return Chart(
        bands=tuple(
            (one.kind, f"M{path(part, one.high)} L{path(part[::-1], one.low)} Z")
            for one in bands
            for part in parts(one.low, one.high)
        ),
        lines=tuple(
            (one.kind, f"M{path(part, one.values)}") for one in lines for part in parts(one.values) if part[1:]
        ),
        points=tuple(
            (one.kind, place[part[0]], up(_known(one.values[part[0]])))
            for one in lines
            for part in parts(one.values)
            if not part[1:]
        ),
        across=_across(months, place),
        up=tuple(Tick(up(value), _text(value, ticks[1] - ticks[0])) for value in ticks),
        split=place[split] - 50 / len(months) if split in place else None,
    )


def _known(value: float | None) -> float:
    assert value is not None  # months with a gap are in no part
    return value


def _nice(values: Sequence[float | None]) -> list[float]:
    """Round figures around all values, zero among them unless all are far from it."""
    known = [value for value in values if value is not None] or [0.0, 1.0]
    low, high = min(known), max(known)
    if low > 0 and high < 4 * low:
        low -= 0.15 * (high - low)
    else:
        low = min(low, 0.0)
    span = (high - low) or abs(high) or 1.0
    step = 10 ** math.floor(math.log10(span / TICKS))
    step = next(step * factor for factor in (1, 2, 2.5, 5, 10) if span / (step * factor) <= TICKS)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def _across(months: Sequence[str], place: Mapping[str, float]) -> tuple[Tick, ...]:
    """Years where there are several, else months."""
    years = [month for month in months if month.endswith("-01")]
    if len(years) > 1:
        some = years[:: max(1, round(len(years) / TICKS))]
        return tuple(Tick(place[month], month[:4]) for month in some)
    return tuple(Tick(place[month], month) for month in months[:: max(1, round(len(months) / TICKS))])


def _text(value: float, step: float) -> str:
    for size, sign in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if step >= size:
            return f"{value / size:g}{sign}" if value else "0"
    return f"{round(value, 6):g}"
