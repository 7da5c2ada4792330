"""Whether what the quotas of a published period were planned from has moved since, and for whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

Tables = Mapping[str, Sequence[Mapping[str, str]]]
"""Table of docs/quota.md → its rows, column → text."""


@dataclass(frozen=True, slots=True)
class Concern:
    """From what change on a rep is concerned."""

    least_percent: float
    """Of what can be expected in the rep's territory; no sign."""
    why: str


@dataclass(frozen=True, slots=True)
class DueAdjustment:
    """A published period in which the expectation of some reps moved."""

    upkeep_id: str
    organisation: str
    period: str
    concerned: tuple[str, ...]
    change_percent: float
    """The largest of them, with its sign."""


def upkeep_id(organisation: str) -> str:
    """The business id of all upkeep of an organisation's quotas, and of its timeline."""
    return f"quota_upkeep:{organisation}"


def expectations(tables: Tables, period: str) -> dict[str, float]:
    """What the territory of each rep at work in a period is forecast to bring, in money.

    A segment's forecast is shared by potential, vacant territories included. Ramp, pipeline and history are left out: they
    do not move by a new forecast or new territories. Rows that cannot be used count nothing, as in planning.
    """
    worth: defaultdict[str, float] = defaultdict(float)
    for row in tables.get("forecast", ()):
        if row["period"] == period:
            worth[row["segment"]] += _number(row["value"])
    held = [(row["rep"], row["segment"], _number(row["potential"])) for row in tables.get("territories", ())
            if row["period"] == period]  # fmt: skip
    whole: defaultdict[str, float] = defaultdict(float)
    for _, segment, potential in held:
        whole[segment] += potential
    found = {row["rep"]: 0.0 for row in tables.get("reps", ()) if row["period"] == period}
    for rep, segment, potential in held:
        if rep in found and potential:
            found[rep] += worth[segment] * potential / whole[segment]
    return found


def movements(before: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    """By how many percent the expectation of each rep moved who has one now or had one; from nothing, by 100."""
    return {
        rep: (value / before[rep] - 1) * 100 if before.get(rep) else 100.0
        for rep, value in now.items()
        if value or before.get(rep)
    }


def due_adjustment(organisation: str, period: str, moved: Mapping[str, float], least: float) -> DueAdjustment | None:
    """Whose quotas are to be set anew, in the order of `moved`; None: nobody's expectation moved by so many percent."""
    concerned = {rep: change for rep, change in moved.items() if abs(change) >= least}
    if not concerned:
        return None
    largest = max(concerned.values(), key=abs)
    return DueAdjustment(upkeep_id(organisation), organisation, period, tuple(concerned), round(largest, 1))


def _number(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        return 0.0
    return found if isfinite(found) and found > 0 else 0.0
