"""What can be expected from below: the forecast of segments, shared by territory potential, less ramp, moved by pipeline."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workers.quota_approval.planning.errors import InputError
from workers.quota_approval.planning.inputs import TOTAL, Inputs, Problem, Rep
from workers.quota_approval.planning.market import Floats, Market

NORMAL_80 = 1.2815515655446004
"""Half-width of an 80 % interval in standard deviations of a normal distribution."""


@dataclass(frozen=True)
class Expectation:
    """A period as it could be seen when it was planned. Money is in the plan's currency."""

    period: str
    reps: tuple[str, ...]
    months: tuple[dt.date, ...]
    segments: tuple[str, ...]
    full: Floats
    """reps: the forecast of the territory if the rep were productive in all months."""
    monthly: Floats
    """reps x months: the same after ramp and absence."""
    mix: Floats
    """reps x segments: shares of the rep's expectation; rows add up to 1, or are 0 without a territory."""
    pipeline: Floats
    """reps: open opportunities that close in the period, times their probability."""
    market: Market
    """The segments' relative surprises, from the forecast's intervals."""

    @property
    def territory(self) -> Floats:
        """reps: the forecast of the territory after ramp."""
        found: Floats = self.monthly.sum(axis=1)
        return found

    @property
    def capacity(self) -> Floats:
        """reps: share of the territory's forecast that ramp and absence leave; months count by their season."""
        part = np.divide(self.territory, self.full, out=np.zeros(len(self.full)), where=self.full > 0)
        # A sum over months and one over segments of the same numbers differ by a bit.
        return np.where(part > 1 - 1e-12, 1.0, part)


def expect(
    inputs: Inputs, period: str, reps: Sequence[str], *, correlation: float
) -> tuple[Expectation, tuple[Problem, ...]]:
    """The expectation of a period for these reps, and what is wrong with its rows.

    A segment's forecast is shared by potential, vacant territories included. A month of a rep counts by the ramp of that
    month of service; months before hiring and after leaving count nothing. The forecast's months are taken to miss
    together, so that half-widths of a segment add up over months: the cautious end, which `odds.fit` corrects by history.

    Raises:
        InputError: if no segment has an interval.
    """
    months = inputs.months[period]
    place = {rep: i for i, rep in enumerate(reps)}
    rows = [row for row in inputs.of("forecast", period) if row.segment != TOTAL]
    segments = tuple(sorted({row.segment for row in rows}))
    at = {name: i for i, name in enumerate(segments)}
    values = np.zeros((len(segments), len(months)))
    for row in rows:
        values[at[row.segment], months.index(row.month)] = row.value
    shares = _shares(inputs, period, place, at)
    people = {row.rep: row for row in inputs.of("reps", period)}
    productive = np.array([_productivity(people[rep], months, inputs) for rep in reps])
    by_segment = shares * (productive @ values.T)
    territory = by_segment.sum(axis=1)
    widths, problems = _spreads(inputs, period, segments, values)
    expectation = Expectation(
        period=period,
        reps=tuple(reps),
        months=months,
        segments=segments,
        full=shares @ values.sum(axis=1),
        monthly=productive * (shares @ values),
        mix=np.divide(by_segment, territory[:, None], out=np.zeros_like(by_segment), where=territory[:, None] > 0),
        pipeline=_pipeline(inputs, period, place),
        market=_market(inputs, period, values.sum(axis=1), widths, correlation),
    )
    return expectation, tuple(problems)


def _shares(inputs: Inputs, period: str, place: Mapping[str, int], at: Mapping[str, int]) -> Floats:
    potential = np.zeros((len(place), len(at)))
    vacant = np.zeros(len(at))
    for row in inputs.of("territories", period):
        if row.rep in place:
            potential[place[row.rep], at[row.segment]] += row.potential
        else:
            vacant[at[row.segment]] += row.potential
    total = potential.sum(axis=0) + vacant
    found: Floats = np.divide(potential, total, out=np.zeros_like(potential), where=total > 0)
    return found


def _productivity(rep: Rep, months: Sequence[dt.date], inputs: Inputs) -> list[float]:
    ramp = {row.month: row.productivity for row in inputs.ramp}
    found = []
    for month in months:
        service = (month.year - rep.hired.year) * 12 + month.month - rep.hired.month + 1
        gone = rep.left is not None and (month.year, month.month) > (rep.left.year, rep.left.month)
        found.append(0.0 if service < 1 or gone else ramp.get(service, 1.0))
    return found


def _pipeline(inputs: Inputs, period: str, place: Mapping[str, int]) -> Floats:
    found = np.zeros(len(place))
    months = {(month.year, month.month) for month in inputs.months[period]}
    for row in inputs.of("pipeline", period):
        if row.rep in place and (row.closes.year, row.closes.month) in months:
            found[place[row.rep]] += row.amount * row.probability
    return found


def _spreads(inputs: Inputs, period: str, segments: Sequence[str], values: Floats) -> tuple[Floats, list[Problem]]:
    """Standard deviation of each segment's sum over the period, relative to it; the widest where there is none."""
    widths = {name: _relative_width(inputs, period, name) for name in segments}
    known = [width for width in widths.values() if width is not None]
    if not known:
        raise InputError(
            f"forecast.csv: no segment has lo80 and hi80 for {period}; without them nobody can tell odds. "
            "`fairlead forecast run --csv` writes them"
        )
    problems = []
    for name, total in zip(segments, values.sum(axis=1), strict=True):
        if widths[name] is None and total > 0:
            text = f"segment {name!r} has no interval for {period}; it is taken to be as unsure as the widest, ±{max(known):.0%}"
            problems.append(Problem("forecast.csv", "no_interval", f"forecast.csv: {text}"))
    return np.array([max(known) if widths[name] is None else widths[name] for name in segments]) / NORMAL_80, problems


def _relative_width(inputs: Inputs, period: str, segment: str) -> float | None:
    """Half of the 80 % interval over the forecast, months added up; None unless every month has both."""
    rows = [row for row in inputs.of("forecast", period) if row.segment == segment]
    total = sum(row.value for row in rows)
    if total <= 0 or any(row.lo80 is None or row.hi80 is None for row in rows):
        return None
    return float(sum((row.hi80 - row.lo80) / 2 for row in rows) / total)


def _market(inputs: Inputs, period: str, totals: Floats, spreads: Floats, correlation: float) -> Market:
    """One common factor: its share is what makes the segments' intervals give the interval of their total."""
    money = totals * spreads
    above = _relative_width(inputs, period, TOTAL)
    if above is not None and len(totals) > 1:
        alone, together = float((money**2).sum()), float(money.sum() ** 2)
        wanted = (above / NORMAL_80 * totals.sum()) ** 2
        correlation = float(np.clip((wanted - alone) / (together - alone), 0.0, 1.0)) if together > alone else 0.0
    return Market(spreads * np.sqrt(correlation), spreads * np.sqrt(1 - correlation))
