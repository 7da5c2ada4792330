"""Two versions of a process side by side, and for each difference whether it may be chance.

Tests, all two-sided and from SciPy:
- cycle time: the log-rank test, in which instances that still run count with their age so far. Else a version that was just
  deployed would always look quicker: only its quick instances have ended.
- an element's duration: Somers' D of the contingency table version x class of duration (Somers 1962), which for two versions
  is the Mann-Whitney U test with ties.
- how often an element began, or had an incident, for each instance or time it began: the conditional test of two Poisson
  rates (Przyborowski and Wilenski 1940), which is a binomial test.
- shares of instances: Fisher's exact test.
The more is tested, the more looks unusual: p-values of a page are adjusted after Benjamini and Hochberg (1995).
"""

from __future__ import annotations

import contextlib
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.control_room.kpis import Scope
from workers.control_room.processes import Element, elements
from workers.control_room.reading import read_rows

Unit = Literal["number", "seconds", "ratio", "rate"]
Histogram = Mapping[int, int]
"""Class of duration (`control.class_of`) → how many."""

COUNTS = ("number", "forced", "due", "in_time", "repeats", "deviates")
FEWEST = 5
"""Of each version; with fewer nothing is said."""
CHANCE, LIKELY = 0.05, 0.01
"""p-values from which a difference may be chance, and below which it hardly is."""

_CYCLES = """
    SELECT process_key, class, count(*) AS number, count(*) FILTER (WHERE NOT completed) AS forced, count(late) AS due,
           count(*) FILTER (WHERE NOT late) AS in_time, count(*) FILTER (WHERE repeats) AS repeats,
           count(*) FILTER (WHERE deviates) AS deviates
    FROM control.paths
    WHERE process_key = ANY(%(keys)s) AND started_at >= %(since)s AND started_at < %(until)s GROUP BY 1, 2
"""
_RUNNING = """
    SELECT process_key, control.class_of(control.milliseconds(started_at, clock_timestamp())) AS class, count(*) AS number
    FROM control.instances
    WHERE process_key = ANY(%(keys)s) AND started_at >= %(since)s AND started_at < %(until)s AND ended_at IS NULL GROUP BY 1, 2
"""
_LASTED = """
    SELECT process_key, element, control.class_of(control.milliseconds(started_at, ended_at)) AS class, count(*) AS number
    FROM control.elements
    WHERE process_key = ANY(%(keys)s) AND started_at >= %(since)s AND started_at < %(until)s AND ended_at IS NOT NULL
        AND kind <> 'MULTI_INSTANCE_BODY'
    GROUP BY 1, 2, 3
"""
_LASTED_BY_DAY = """
    SELECT process_key, element, class, sum(number)::bigint AS number FROM control.element_days
    WHERE process_key = ANY(%(keys)s) AND day >= (%(since)s AT TIME ZONE 'UTC')::date AND class >= 0
        AND kind <> 'MULTI_INSTANCE_BODY'
    GROUP BY 1, 2, 3 HAVING sum(number) > 0
"""


class NotInstalled(Exception):
    """SciPy is missing; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of both versions."""

    name: str
    unit: Unit
    one: float | None
    other: float | None
    p: float | None = None
    """Adjusted p-value: how often chance alone makes a difference as large; None: not tested, or too few."""
    tested: bool = True

    @property
    def verdict(self) -> Literal["", "few", "chance", "likely", "sure"]:
        """What may be said of it; nothing of a figure that is not tested."""
        if not self.tested:
            return ""
        if self.p is None:
            return "few"
        return "chance" if self.p >= CHANCE else "likely" if self.p >= LIKELY else "sure"


@dataclass(frozen=True, slots=True)
class Compared:
    """Everything on the page."""

    overall: tuple[Difference, ...]
    elements: Mapping[str, tuple[Difference, ...]]
    """By element id: how often, median, p95, incidents; those that differ most first."""


@dataclass(frozen=True, slots=True)
class Side:
    """What is known of one version."""

    version: DictRow
    """Of `processes.overview`."""
    ended: Histogram
    running: Histogram
    """Their ages so far."""
    counts: Mapping[str, int]
    """Of those that ended: number, forced, due (had a due time), in_time, repeats, deviates."""
    elements: Mapping[str, Element]
    lasted: Mapping[str, Histogram]


async def read(connection: AsyncConnection[DictRow], one: DictRow, other: DictRow, scope: Scope) -> tuple[Side, Side]:
    """What is known of two versions (rows of `processes.overview`) of instances that began in a period."""
    given = {**scope.given, "keys": [one["key"], other["key"]]}
    cycles = await read_rows(connection, _CYCLES, given)
    running = await read_rows(connection, _RUNNING, given)
    lasted: dict[int, dict[str, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
    for row in await read_rows(connection, _LASTED_BY_DAY if scope.by_day else _LASTED, given):
        lasted[row["process_key"]][row["element"]][row["class"]] = row["number"]
    sides = []
    for version in (one, other):
        key = version["key"]
        mine = [row for row in cycles if row["process_key"] == key]
        inner = {
            each.id: each
            for each in await elements(connection, key, scope, late=False)
            if each.kind != "MULTI_INSTANCE_BODY"
        }
        sides.append(
            Side(
                version, {row["class"]: row["number"] for row in mine},
                {row["class"]: row["number"] for row in running if row["process_key"] == key},
                {name: sum(row[name] for row in mine) for name in COUNTS}, inner, lasted[key],
            )
        )  # fmt: skip
    return sides[0], sides[1]


def load() -> None:
    """Import what `judge` needs, which takes a second where it was not done before.

    Raises:
        NotInstalled: it is not there.
    """
    try:
        import scipy.stats  # noqa: F401, PLC0415 - large: only who compares versions needs it
    except ModuleNotFoundError:
        raise NotInstalled("SciPy is missing; install Fairlead with its extra 'mining'.") from None


def warm_up() -> None:
    """`load` ahead, if it can be."""
    with contextlib.suppress(NotInstalled):
        load()


def judge(one: Side, other: Side) -> Compared:
    """The differences and what may be said of them. Takes some 10 ms of processor time, after `load`. Raises as that."""
    load()
    overall: tuple[Difference, ...] = (
        Difference("Started", "number", *_both(one, other, lambda side: side.version["started"]), tested=False),
        Difference("Cycle time, median", "seconds", *_both(one, other, lambda side: side.version["p50"]), _log_rank(one, other)),
        Difference("Cycle time, p95", "seconds", *_both(one, other, lambda side: side.version["p95"]), tested=False),
        _share("Every task in time", one, other, "in_time", "due"),
        _share("Ended by force", one, other, "forced"),
        _share("With rework", one, other, "repeats"),
        _share("With a deviation", one, other, "deviates"),
    )  # fmt: skip
    found = {name: _of_element(name, one, other) for name in {**one.elements, **other.elements}}
    adjusted = iter(_adjusted([row for rows in (overall, *found.values()) for row in rows]))
    overall = tuple(next(adjusted) for _ in overall)
    found = {name: tuple(next(adjusted) for _ in rows) for name, rows in found.items()}
    least = {name: min((row.p for row in rows if row.p is not None), default=2.0) for name, rows in found.items()}
    return Compared(overall, {name: found[name] for name in sorted(found, key=lambda name: (least[name], name))})


def _of_element(name: str, one: Side, other: Side) -> tuple[Difference, ...]:
    mine, theirs = one.elements.get(name), other.elements.get(name)

    def counted(side: Side) -> tuple[int, int]:
        element = side.elements.get(name)
        return (element.started if element else 0), side.version["started"]

    def failed(side: Side) -> tuple[int, int]:
        element = side.elements.get(name)
        return (element.incidents, element.started) if element else (0, 0)

    lasted = _somers(one.lasted.get(name, {}), other.lasted.get(name, {}))
    return (
        _rate("Begun per instance", one, other, counted),
        Difference("Median", "seconds", mine.p50 if mine else None, theirs.p50 if theirs else None, lasted),
        Difference("p95", "seconds", mine.p95 if mine else None, theirs.p95 if theirs else None, tested=False),
        _rate("Incidents per time begun", one, other, failed),
    )


def _both(one: Side, other: Side, of: Callable[[Side], float | None]) -> tuple[float | None, float | None]:
    return of(one), of(other)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _share(name: str, one: Side, other: Side, part: str, whole: str = "number") -> Difference:
    from scipy.stats import fisher_exact  # noqa: PLC0415 - see `load`

    (a, m), (b, n) = ((side.counts[part], side.counts[whole]) for side in (one, other))
    p = float(fisher_exact([[a, m - a], [b, n - b]]).pvalue) if min(m, n) >= FEWEST else None
    return Difference(name, "ratio", _ratio(a, m), _ratio(b, n), p)


def _rate(name: str, one: Side, other: Side, of: Callable[[Side], tuple[int, int]]) -> Difference:
    from scipy.stats import binomtest  # noqa: PLC0415 - see `load`

    (a, m), (b, n) = of(one), of(other)
    p = float(binomtest(a, a + b, m / (m + n)).pvalue) if min(m, n) >= FEWEST and a + b else None
    return Difference(name, "rate", _ratio(a, m), _ratio(b, n), p, tested=bool(a + b))


def _somers(one: Histogram, other: Histogram) -> float | None:
    from scipy.stats import somersd  # noqa: PLC0415 - see `load`

    if min(sum(one.values()), sum(other.values())) < FEWEST:
        return None
    classes = sorted({*one, *other})
    if len(classes) == 1:  # all alike
        return 1.0
    return float(somersd([[side.get(each, 0) for each in classes] for side in (one, other)]).pvalue)


def _log_rank(one: Side, other: Side) -> float | None:
    import numpy as np  # noqa: PLC0415 - see `load`
    from scipy.stats import CensoredData, logrank  # noqa: PLC0415 - see `load`

    if min(sum(one.ended.values()), sum(other.ended.values())) < FEWEST:
        return None
    if len({*one.ended, *other.ended}) == 1:
        return 1.0

    def times(found: Histogram) -> object:
        return np.repeat(list(found), list(found.values())).astype(float)

    samples = [CensoredData(uncensored=times(side.ended), right=times(side.running)) for side in (one, other)]
    found = float(logrank(*samples).pvalue)
    return None if math.isnan(found) else found


def _adjusted(rows: Sequence[Difference]) -> list[Difference]:
    from scipy.stats import false_discovery_control  # noqa: PLC0415 - see `load`

    places = [place for place, row in enumerate(rows) if row.p is not None]
    found = list(rows)
    if places:
        for place, p in zip(places, false_discovery_control([rows[place].p for place in places]), strict=True):
            found[place] = replace(rows[place], p=float(p))
    return found
