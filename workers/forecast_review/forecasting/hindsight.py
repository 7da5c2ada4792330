"""What the decision table would have read at earlier origins, and the errors that came after: whether people would have
been asked about the right segments.

An origin's version is put together as it would have been kept then (history is cut first, checked and repaired then),
and its facts are those of `facts.segment_facts`, as today's are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from workers.forecast_review.domain.composing import members
from workers.forecast_review.domain.needs import Fact
from workers.forecast_review.forecasting import frames, months
from workers.forecast_review.forecasting.checks import Thresholds, check
from workers.forecast_review.forecasting.errors import NoForecastError
from workers.forecast_review.forecasting.facts import segment_facts
from workers.forecast_review.forecasting.forecast import Forecast
from workers.forecast_review.forecasting.hierarchy import Hierarchy
from workers.forecast_review.forecasting.history import SEPARATOR, History, Series
from workers.forecast_review.forecasting.models import GATE
from workers.forecast_review.forecasting.repairs import repair

LARGE = 0.5
"""The large errors of an origin are the largest ones that together make up this share of all its errors."""


@dataclass(frozen=True)
class Past:
    """One earlier origin."""

    origin: str
    """The last month that was known, ``2014-12``."""
    facts: list[Fact]
    """Of all segments that had begun."""
    errors: Mapping[str, float]
    """What came minus what would have been published, absolute, summed over the months ahead, in the data's unit; of
    the segments of which all of these months came."""
    bottom: frozenset[str]
    """The segments that are no sums."""

    @property
    def large(self) -> set[str]:
        """The fewest segments whose errors make up the share `LARGE` of all errors, those of sums and of their parts."""
        return self._largest(self.errors)

    @property
    def large_bottom(self) -> set[str]:
        """The same without sums."""
        return self._largest(self.errors.keys() & self.bottom)

    def _largest(self, names: Iterable[str]) -> set[str]:
        ranked = sorted(names, key=lambda name: (-self.errors[name], name))
        reached = np.cumsum([self.errors[name] for name in ranked])
        return set(ranked[: int(np.searchsorted(reached, LARGE * reached[-1])) + 1]) if ranked else set()


@dataclass(frozen=True)
class Found:
    """What people who looked at some segments would have seen of the errors of an origin."""

    origin: str
    segments: int
    looked_at: int
    large: int
    found: int
    """Large errors among what was looked at."""
    large_bottom: int
    found_bottom: int
    money: float
    """Share of all errors that was looked at, 0 to 1."""


def found(past: Past, looked_at: Collection[str]) -> Found:
    """Compare a choice of segments with the errors that came."""
    seen = sum(error for name, error in past.errors.items() if name in looked_at)
    everything = sum(past.errors.values())
    return Found(
        past.origin,
        len(past.facts),
        len(looked_at),
        len(past.large),
        len(past.large & set(looked_at)),
        len(past.large_bottom),
        len(past.large_bottom & set(looked_at)),
        seen / everything if everything else 0.0,
    )


def past_facts(forecast: Forecast) -> list[Past]:
    """Facts and errors at the origins of the backtests, oldest first; each is compared with the origin before.

    Raises:
        NoForecastError: the version has no backtests, or is of a program that did not keep the champions of then.
    """
    tests = forecast.backtests
    if tests.empty or "champion" not in tests:
        raise NoForecastError(f"{forecast.version} holds no champions of earlier origins; run the forecast again")
    whole = _History(forecast)
    before: Forecast | None = None
    result = []
    for origin, part in tests.groupby("origin", sort=True):
        version = whole.as_of(pd.Timestamp(str(origin)), part[part["months_known"] > 0])
        known = version.history.groupby("segment", sort=False).size()
        facts = [
            Fact.of(asdict(fact) | {"months_known": int(known[fact.segment])})
            for fact in segment_facts(version, before)
        ]
        missed = (part["actual"] - part[frames.PUBLISHED]).abs().groupby(part["segment"], sort=False)
        errors = missed.sum()[missed.count() == missed.size()]
        names = {fact.segment for fact in facts}
        result.append(
            Past(
                f"{origin:%Y-%m}",
                facts,
                {str(name): float(error) for name, error in errors.items() if name in names},
                whole.bottom,
            )
        )
        before = version
    return result


class _History:
    """The history as it was delivered, and what was published, cut at an origin."""

    def __init__(self, forecast: Forecast) -> None:
        self._forecast = forecast
        self._thresholds = Thresholds(**forecast.card["plan"]["thresholds"])
        self._hierarchy = _hierarchy(forecast.points)
        raw = dict(iter(forecast.history.groupby("segment", sort=False)))
        self._delivered = History(
            forecast.name, (), {name: _series(name, raw[name]) for name in self._hierarchy.bottom}
        )

    @property
    def bottom(self) -> frozenset[str]:
        """Segments that are no sums."""
        return frozenset(self._hierarchy.bottom)

    def as_of(self, origin: pd.Timestamp, published: pd.DataFrame) -> Forecast:
        """The version of then; `published` are the rows of the backtests at this origin."""
        known = self._delivered.until(months.of_date(origin.date()))
        findings = check(known, self._thresholds)
        repaired = repair(known, findings).history
        kept = replace(known, series={name: known.series[name] for name in repaired.series})
        history = frames.history(self._hierarchy, kept, repaired)
        points = published[published["segment"].isin(history["segment"])]
        names = points["champion"].to_numpy()
        base = [row[name] for name, row in zip(names, points.to_dict("records"), strict=True)]
        tests = self._forecast.backtests
        return replace(
            self._forecast,
            points=points.assign(value=points[frames.PUBLISHED], base=base, naive=points[GATE]),
            choices=points.drop_duplicates("segment").assign(mase=lambda rows: rows["champion_mase"]),
            backtests=tests[tests["month"] <= origin],
            history=history,
            findings=pd.DataFrame({"series": [finding.series for finding in findings]}),
        )


def _hierarchy(points: pd.DataFrame) -> Hierarchy:
    """The hierarchy that a forecast was made with."""
    nodes = points.drop_duplicates("segment")
    below = members(list(nodes["segment"]))
    place = {name: i for i, name in enumerate(name for name, parts in below.items() if parts == (name,))}
    columns = [sorted(place[part] for part in parts) for parts in below.values()]
    inner = np.concatenate(columns)
    ends = np.cumsum([0, *(len(part) for part in columns)])
    summing = csr_matrix((np.ones(len(inner)), inner, ends), shape=(len(columns), len(place)))
    return Hierarchy(tuple(nodes["segment"]), tuple(nodes["level"]), summing)


def _series(name: str, rows: pd.DataFrame) -> Series:
    last = rows["raw"].last_valid_index()
    values = rows.loc[:last, "raw"].to_numpy(float)
    return Series(tuple(name.split(SEPARATOR)), months.of_date(rows["month"].iloc[0].date()), values)
