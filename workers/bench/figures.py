"""The arithmetic of the benchmark: from what happened to each lead to percentiles, throughput and "was it held"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

TARGET_P99_SECONDS = 1.5
"""Received → assigned, at the target rate of 10 leads a second."""
TARGET_RATE = 10.0
GROWTH_SHARE = 0.05
"""A backlog that grows by more than this part of the rate is growing."""
SETTLING_SHARE = 1 / 3
"""The first part of a run, in which the backlog finds its level, does not count for its growth."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One lead on its way. Times are seconds since 1970."""

    scheduled: float
    """When it should have been sent, whatever the sender could do: no omission of what a slow answer delays."""
    received: float | None = None
    assigned: float | None = None
    """When it first got an owner, if without a person."""
    settled: float | None = None
    """When it got an owner or waits for a person, is merged or discarded: the system's part is done."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles in seconds."""

    count: int
    p50: float
    p95: float
    p99: float
    longest: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run at one rate gave."""

    rate: float
    """Leads a second asked for."""
    seconds: float
    sent: int
    received: int
    assigned: int
    settled: int
    settled_per_second: float
    """Leads settled within the window, by its length: end to end."""
    from_received: Spread | None
    """Received → assigned."""
    from_schedule: Spread | None
    """Scheduled → assigned: the same with the time to get in."""
    backlog_at_end: int
    backlog_growth: float
    """Leads a second, over the part of the window after settling."""
    held: bool
    """Every lead was taken, and the backlog did not grow."""

    @property
    def meets_target(self) -> bool:
        """Whether the 99th percentile is below the target; false if nothing was assigned."""
        return self.from_received is not None and self.from_received.p99 < TARGET_P99_SECONDS


def percentile(ordered: Sequence[float], share: float) -> float:
    """Percentile by linear interpolation, as PostgreSQL's percentile_cont.

    Raises:
        ValueError: there are no values.
    """
    if not ordered:
        raise ValueError("A percentile needs at least one value.")
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def spread(values: Sequence[float]) -> Spread | None:
    """Percentiles of some durations in seconds, None if there are none."""
    if not values:
        return None
    ordered = sorted(values)
    p50, p95, p99 = (percentile(ordered, share) for share in (0.5, 0.95, 0.99))
    return Spread(len(ordered), p50, p95, p99, ordered[-1])


def backlog(passages: Sequence[Passage], at: float) -> int:
    """Leads that should have been sent by `at` and were not settled by then."""
    return sum(one.scheduled <= at and (one.settled is None or one.settled > at) for one in passages)


def growth(passages: Sequence[Passage], start: float, seconds: float) -> float:
    """Slope of the backlog in leads a second: least squares over each half second after settling."""
    begin = start + seconds * SETTLING_SHARE
    steps = max(int((start + seconds - begin) * 2), 1)
    times = [begin + (start + seconds - begin) * i / steps for i in range(steps + 1)]
    levels = [backlog(passages, at) for at in times]
    middle, level = sum(times) / len(times), sum(levels) / len(levels)
    spans = sum((at - middle) ** 2 for at in times)
    return sum((at - middle) * (here - level) for at, here in zip(times, levels, strict=True)) / spans


def figures(passages: Sequence[Passage], *, start: float, rate: float, seconds: float, until: float) -> Figures:
    """The figures of one run of `seconds` that began at `start`, as known at `until` (seconds since 1970).

    A lead that is still on its way counts with the time it has waited so far, a lower bound: leaving it out would
    flatter a system that falls behind.
    """
    end = start + seconds
    received = [one for one in passages if one.received is not None]
    slope = growth(passages, start, seconds)
    in_window = sum(one.settled is not None and one.settled <= end for one in passages)
    return Figures(
        rate=rate,
        seconds=seconds,
        sent=len(passages),
        received=len(received),
        assigned=sum(one.assigned is not None for one in passages),
        settled=sum(one.settled is not None for one in passages),
        settled_per_second=in_window / seconds,
        from_received=spread([lasted for one in received if (lasted := _lasted(one, one.received, until)) is not None]),
        from_schedule=spread(
            [lasted for one in received if (lasted := _lasted(one, one.scheduled, until)) is not None]
        ),
        backlog_at_end=backlog(passages, end),
        backlog_growth=slope,
        held=len(received) == len(passages) and slope <= GROWTH_SHARE * rate,
    )


def _lasted(one: Passage, begin: float | None, until: float) -> float | None:
    """Seconds from `begin` to the owner, or until now if the lead is still on its way; None: a person decides."""
    if begin is None or (one.assigned is None and one.settled is not None):
        return None
    return (until if one.assigned is None else one.assigned) - begin


def schedule(rate: float, seconds: float) -> list[float]:
    """Sending times of a fixed rate, in seconds from the start."""
    return [i / rate for i in range(round(rate * seconds))]


def next_rate(held: Sequence[float], failed: Sequence[float], *, first: float, precision: float = 1.15) -> float | None:
    """The next rate to try in the search for the highest one held: doubled until one fails, then halved between.

    None: the answer is known to within `precision`, or not even a twentieth of the first rate is held.
    """
    best, worst = max(held, default=None), min(failed, default=None)
    if best is None and worst is None:
        return first
    if worst is None:
        assert best is not None
        return best * 2
    if best is None:
        return worst / 2 if worst > first / 20 else None
    return None if worst / best <= precision else round(math.sqrt(best * worst), 1)
