"""Judging what was published against what came, and telling whether a new review is due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from workers.forecast_review.domain.organisation import Reason

Cells = Mapping[tuple[str, str], float]
"""(segment, month as ``2018-12``) → value, in the data's unit."""

Step = Literal["naive", "model", "base", "final"]
STEPS: tuple[Step, ...] = ("naive", "model", "base", "final")
"""From the seasonal naive forecast to what was published."""


def upkeep_id(organisation: str) -> str:
    """The business id of all upkeep of an organisation's forecast, and of its timeline."""
    return f"forecast_upkeep:{organisation}"


@dataclass(frozen=True, slots=True)
class DueUpkeep:
    """One organisation that is looked at."""

    organisation: str
    upkeep_id: str


@dataclass(frozen=True, slots=True)
class PublishedSegment:
    """One node of a published version: one figure for each month, in the data's unit."""

    segment: str
    bottom: bool
    naive: Sequence[float]
    model: Sequence[float]
    base: Sequence[float]
    final: Sequence[float]
    lo80: Sequence[float | None]
    hi80: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How a published version did on the months that came, over the bottom segments."""

    months: int
    """Months with actuals of any segment."""
    wape: Mapping[Step, float]
    """Sum of absolute errors in percent of the sum of absolute actuals, by step."""
    change_percent: float
    """By how much more was sold than the final forecast said."""
    worse_share: float
    """Share (0 to 1) of the segments whose champion did worse than the seasonal naive forecast."""
    cover80: float | None
    """Percent of the actuals inside the 80 % intervals; None: there are none."""


def accuracy(months: Sequence[str], segments: Sequence[PublishedSegment], actuals: Cells) -> Accuracy | None:
    """Hold bottom segments against actuals; None: nothing came yet, or zeros only."""
    errors: dict[Step, float] = dict.fromkeys(STEPS, 0.0)
    size = said = came = 0.0
    worse = judged = inside = bounded = 0
    seen: set[str] = set()
    for one in segments:
        known = [(place, actuals[one.segment, month]) for place, month in enumerate(months)
                 if (one.segment, month) in actuals]  # fmt: skip
        if not one.bottom or not known:
            continue
        seen.update(months[place] for place, _ in known)
        own = {step: sum(abs(getattr(one, step)[place] - actual) for place, actual in known) for step in STEPS}
        for step in STEPS:
            errors[step] += own[step]
        judged += 1
        worse += own["model"] > own["naive"]
        for place, actual in known:
            size, came, said = size + abs(actual), came + actual, said + one.final[place]
            low, high = one.lo80[place], one.hi80[place]
            if low is not None and high is not None:
                bounded, inside = bounded + 1, inside + (low <= actual <= high)
    if not size:
        return None
    return Accuracy(
        months=len(seen),
        wape={step: 100 * error / size for step, error in errors.items()},
        change_percent=100 * (came - said) / abs(said) if said else 0.0,
        worse_share=worse / judged,
        cover80=100 * inside / bounded if bounded else None,
    )


def with_sums(below: Mapping[str, Sequence[str]], months: Sequence[str], actuals: Cells) -> Cells:
    """Actuals of sums too, for months that all their bottom segments have.

    `below` says which bottom segments each segment adds up, as `composing.members` does.
    """
    found = {}
    for name, parts in below.items():
        for month in months:
            cells = [actuals[part, month] for part in parts if (part, month) in actuals]
            if len(cells) == len(parts):
                found[name, month] = sum(cells)
    return found


@dataclass(frozen=True, slots=True)
class Health:
    """What decides whether an organisation's forecast is reviewed anew. Figures are None while nothing can be judged."""

    version: str | None
    """The published version in use; None: none was published."""
    under_way: bool
    """A review is open."""
    due: bool
    """By the organisation's schedule, since the last review began."""
    news: bool
    """Sales came since the last review began."""
    new_months: int
    """Months of sales after those that the version was made from."""
    months: int
    """Months of the version that can be judged."""
    wape: float | None
    """Of the published forecast, percent."""
    naive_wape: float | None
    people_added: float | None
    """Points of WAPE that people's overrides made it better (negative: worse)."""
    error_ratio: float | None
    """MASE now over MASE in backtests: 1 is as expected."""
    worse_share: float | None
    """See `Accuracy.worse_share`."""
    cover80: float | None
    change_percent: float | None
    """By how much more was sold than forecast."""
    words: str
    """All of it as a Markdown list."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """What the decision table says to it."""

    action: Literal["rest", "review"]
    reason: Reason
    why: str


def words(found: Accuracy | None, *, error_ratio: float | None, new_months: int) -> str:
    """What was found, for people."""
    if found is None:
        return "- Nothing that was published can be judged yet"
    wape = found.wape
    lines = [
        f"{found.months} months came; sales were {found.change_percent:+.1f} % of the forecast away",
        f"WAPE {wape['final']:.1f} % (seasonal naive {wape['naive']:.1f} %, models {wape['base']:.1f} %)",
        f"people's overrides made it {wape['base'] - wape['final']:+.2f} points better",
        f"the champion lost to the seasonal naive forecast in {found.worse_share:.0%} of the segments",
    ]
    if error_ratio is not None:
        lines.append(f"errors are {error_ratio:.2f} times those of the backtests")
    if found.cover80 is not None:
        lines.append(f"{found.cover80:.0f} % of the figures lie inside the 80 % intervals")
    lines.append(f"{new_months} months of sales are new since it was made")
    return "\n".join(f"- {line}" for line in lines)
