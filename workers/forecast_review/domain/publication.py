"""A version that was composed and released: its facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workers.forecast_review.domain.composing import Composed, Override

SHOWN = 10
"""So many conflicts are told in a process variable; the rest is counted."""


@dataclass(frozen=True, slots=True)
class PersonOverride:
    """An approved override of one segment."""

    segment: str
    values: Mapping[str, float]
    """Month (``2019-01``) → figure, in the data's unit."""
    reason: str
    by: str
    """Who changed it."""
    approved_by: str | None
    """Who approved it; ``rule``: nobody had to."""

    @property
    def change(self) -> Override:
        """What composing needs of it."""
        return Override(self.segment, self.values)


@dataclass(frozen=True, slots=True)
class Segment:
    """One node of a forecast, before people: one figure for each month, in the data's unit."""

    segment: str
    level: str
    bottom: bool
    """Nothing is below it."""
    champion: str
    naive: Sequence[float]
    model: Sequence[float]
    base: Sequence[float]
    """Reconciled: what the models say."""
    lo80: Sequence[float | None]
    hi80: Sequence[float | None]
    lo95: Sequence[float | None]
    hi95: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Base:
    """What a version is composed from."""

    run_version: str
    months: Sequence[str]
    segments: Sequence[Segment]
    """Sums first."""

    @property
    def bottom(self) -> list[str]:
        """The segments that nothing is below."""
        return [one.segment for one in self.segments if one.bottom]

    @property
    def figures(self) -> dict[str, Sequence[float]]:
        """Segment → one figure a month."""
        return {one.segment: one.base for one in self.segments}


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What decides who must approve a release."""

    published_version: str
    overrides: int
    """Segments that people changed."""
    total: float
    """Sum of all bottom segments and months, in the data's unit."""
    change_percent_to_base: float
    """Of the total; what people changed on balance."""
    change_percent_to_former: float | None
    """Of the total, over the months that both have; None: nothing was published before."""
    override_share: float
    """Share (0 to 1) of the total whose figures differ from the base, sums not counted."""
    conflict_count: int
    conflicts: tuple[str, ...]
    """Overrides that others further down made impossible, the first `SHOWN` of them."""


def release_facts(
    version: str,
    base: Base,
    composed: Composed,
    overrides: Sequence[PersonOverride],
    former: Mapping[str, float] | None,
) -> ReleaseFacts:
    """Facts of a composed version. `former` is month → total of what was published before."""
    figures, bottom = base.figures, base.bottom
    before = sum(sum(figures[name]) for name in bottom)
    total = sum(sum(composed.values[name]) for name in bottom)
    touched = sum(
        abs(new)
        for name in bottom
        for new, old in zip(composed.values[name], figures[name], strict=True)
        if abs(new - old) > 1e-9 * max(1.0, abs(old))
    )
    size = sum(abs(value) for name in bottom for value in composed.values[name])
    return ReleaseFacts(
        published_version=version,
        overrides=len(overrides),
        total=total,
        change_percent_to_base=_percent(total, before) or 0.0,
        change_percent_to_former=_to_former(base.months, composed, bottom, former),
        override_share=touched / size if size else 0.0,
        conflict_count=len(composed.conflicts),
        conflicts=tuple(one.text for one in composed.conflicts[:SHOWN]),
    )


def _to_former(
    months: Sequence[str], composed: Composed, bottom: Sequence[str], former: Mapping[str, float] | None
) -> float | None:
    if former is None:
        return None
    both = [place for place, month in enumerate(months) if month in former]
    new = sum(composed.values[name][place] for name in bottom for place in both)
    return _percent(new, sum(former[months[place]] for place in both))


def _percent(new: float, old: float) -> float | None:
    return round(100 * (new - old) / abs(old), 4) if old else None
