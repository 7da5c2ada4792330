"""One version of a forecast as its page shows it: each unit's figures of a period, what came, and what people changed.

Every figure is read by `forecast_reading`, or added up by the functions that judge versions (`domain.upkeep`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workers.forecast_review.adapters import overview, sales
from workers.forecast_review.domain.composing import TOLERANCE, TOTAL, members, parents
from workers.forecast_review.domain.organisation import Organisation
from workers.forecast_review.domain.upkeep import Cells, with_sums
from workers.gateway import forecast_reading as reading
from workers.gateway.forecast_answers import AccuracyView, Change, ForecastView, SegmentView
from workers.gateway.forecast_outlook import Stand, stands
from workers.gateway.forecast_overrides import Overridden, overrides
from workers.gateway.forecast_periods import months_of, periods_of
from workers.gateway.forecast_versions import version_before
from workers.office.teams import Teams

ALL = 100_000
"""More segments than any version has."""
LISTED = 250
"""Units of a page; with more of them, those two levels down are left out."""


class UnknownUnit(LookupError):
    """The version has no such segment."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A segment in a period. Figures are sums over the period's months, in the data's unit."""

    segment: str
    name: str
    """The last part of its path."""
    level: str
    depth: int
    """Below the unit that the page is about."""
    bottom: bool
    base: float
    """What the models say."""
    final: float
    """What was published."""
    low: float | None
    """Bounds of 80 % around the base, the months' added: as wide as if all months missed together."""
    high: float | None
    actual: float | None
    """What came; None: nothing yet."""
    expected: float | None
    """What was published for the months that came."""
    came: int
    """Months that came."""
    change: Change | None
    """Against the version before, over the months that both have."""
    overridden: bool
    parts: int
    """Bottom segments that it adds up."""


@dataclass(frozen=True, slots=True)
class Month:
    """One month of the unit that the page is about."""

    month: str
    naive: float
    base: float
    final: float
    low: float | None
    high: float | None
    low95: float | None
    high95: float | None
    before: float | None
    """In the version before."""
    actual: float | None


@dataclass(frozen=True, slots=True)
class Board:
    """The page."""

    view: ForecastView
    """The version, with all its segments."""
    organisation: Organisation
    story: overview.ReviewStory | None
    former: str | None
    periods: Sequence[tuple[str, str]]
    chosen: Sequence[str]
    """The period's months."""
    unit: Unit
    path: Sequence[str]
    """The sums above it, the widest first."""
    below: Sequence[Unit]
    across: Sequence[Unit]
    """Sums across the hierarchy; with the whole only. Who sees some teams has their other units here."""
    gap: float
    """By how much what is right below differs from the unit at most, in a month; about 0: it adds up."""
    months: Sequence[Month]
    history: Mapping[str, float]
    """Month → what the models were fitted to; empty where it is not kept."""
    overrides: Sequence[Overridden]
    """Of the unit and what is below it."""
    accuracy: AccuracyView | None
    stands: Sequence[Stand]
    """Against quotas that are planned by this organisation's forecast; with the whole, or what is that for some teams."""

    @property
    def adds_up(self) -> bool:
        """Whether the parts are the whole, but for rounding in the last digits."""
        return self.gap <= TOLERANCE * max(1.0, abs(self.unit.final))


async def read(
    connection: reading.Connection, version: str, segment: str | None, period: str, teams: Teams = None
) -> Board:
    """A version by one of its units (None: the widest), over a period; with `teams` what is theirs.

    Raises:
        UnknownVersion: there is no such version, or none with a segment of theirs.
        UnknownUnit: it has no such segment.
        UnknownPeriod: it has no month of the period.
    """
    view = await reading.read_forecast(
        connection, version, lambda *_: "", segments=None, level=None, limit=ALL, cursor=0, teams=teams
    )
    segments = {one.segment: one for one in view.segments}
    whole = TOTAL if TOTAL in segments else view.segments[0].segment
    name = segment or whole  # of some teams the first that is theirs
    if name not in segments:
        raise UnknownUnit(f"{version} has no segment {name!r}.")
    chosen = months_of(view.months, period)
    organisation = await sales.organisation(connection, view.organisation)
    assert organisation is not None  # the version's row refers to it
    above, inner = parents(list(segments)), members(list(segments))
    actuals = with_sums(inner, view.months, await sales.sales_of(connection, organisation, view.months))
    former = await version_before(connection, version, teams)
    changes = await _changes(connection, former, version, chosen)

    def unit(one: SegmentView, depth: int) -> Unit:
        return _unit(one, depth, view.months, chosen, actuals, changes, inner)

    own = unit(segments[name], 0)
    children = [one for one, parent in above.items() if parent == name]
    at_top = name == whole if teams is None else above[name] is None
    across = [one for one, parent in above.items() if parent is None and one != name] if at_top else []
    below = set(inner[name])
    return Board(
        view=view,
        organisation=organisation,
        story=await overview.story(connection, view.forecast_id, teams=teams),
        former=former,
        periods=periods_of(view.months),
        chosen=chosen,
        unit=own,
        path=_path(above, name),
        below=[unit(segments[one], depth) for one, depth in _tree(above, children)],
        across=[unit(segments[one], 1) for one in across],
        gap=_gap(segments[name], [segments[one] for one in children]),
        months=await _months(connection, view, segments[name], former, actuals),
        history=await _history(connection, view, name),
        overrides=[one for one in await overrides(connection, version) if below >= set(inner.get(one.segment, (one.segment,)))],
        accuracy=await reading.read_accuracy(connection, version, None, teams=teams),
        stands=await stands(connection, view.organisation, version, name, teams) if at_top else [],
    )  # fmt: skip


async def _changes(
    connection: reading.Connection, former: str | None, version: str, chosen: Sequence[str]
) -> dict[str, Change]:
    if former is None:
        return {}
    try:
        found = await reading.compare(connection, former, version, ALL, within=chosen)
    except reading.NotComparable:
        return {}
    return {one.segment: one for one in found.changes}


def _unit(
    one: SegmentView,
    depth: int,
    months: Sequence[str],
    chosen: Sequence[str],
    actuals: Cells,
    changes: Mapping[str, Change],
    inner: Mapping[str, Sequence[str]],
) -> Unit:
    places = [months.index(month) for month in chosen]
    came = [place for place in places if (one.segment, months[place]) in actuals]
    return Unit(
        segment=one.segment,
        name=one.segment.rpartition("/")[2],
        level=one.level,
        depth=depth,
        bottom=inner[one.segment] == (one.segment,),
        base=sum(one.base[place] for place in places),
        final=sum(one.final[place] for place in places),
        low=_sum([one.lo80[place] for place in places]),
        high=_sum([one.hi80[place] for place in places]),
        actual=sum(actuals[one.segment, months[place]] for place in came) if came else None,
        expected=sum(one.final[place] for place in came) if came else None,
        came=len(came),
        change=changes.get(one.segment),
        overridden=one.override is not None,
        parts=len(inner[one.segment]),
    )


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _path(above: Mapping[str, str | None], name: str) -> list[str]:
    found: list[str] = []
    at = above[name]
    while at is not None:
        found.insert(0, at)
        at = above[at]
    return found


def _tree(above: Mapping[str, str | None], children: Sequence[str]) -> list[tuple[str, int]]:
    """Children, each followed by its own where there is room for all."""
    inner = {one: [name for name, parent in above.items() if parent == one] for one in children}
    if len(children) + sum(map(len, inner.values())) > LISTED:
        inner = {}
    return [pair for one in children for pair in ((one, 1), *((name, 2) for name in inner.get(one, ())))]


def _gap(whole: SegmentView, parts: Sequence[SegmentView]) -> float:
    if not parts:
        return 0.0
    return max(abs(sum(part.final[place] for part in parts) - value) for place, value in enumerate(whole.final))


async def _months(
    connection: reading.Connection, view: ForecastView, one: SegmentView, former: str | None, actuals: Cells
) -> list[Month]:
    before: dict[str, float] = {}
    if former is not None:
        old = await reading.read_forecast(
            connection, former, lambda *_: "", segments=[one.segment], level=None, limit=1, cursor=0
        )
        before = dict(zip(old.months, old.segments[0].final, strict=True)) if old.segments else {}
    return [
        Month(
            month, one.naive[place], one.base[place], one.final[place], one.lo80[place], one.hi80[place],
            one.lo95[place], one.hi95[place], before.get(month), actuals.get((one.segment, month)),
        )
        for place, month in enumerate(view.months)
    ]  # fmt: skip


async def _history(connection: reading.Connection, view: ForecastView, segment: str) -> dict[str, float]:
    """What the models saw, as a review's form shows it."""
    found = await connection.execute(
        "SELECT f.series->'history' AS history FROM forecasting.segment_facts f JOIN forecasting.publications p"
        " ON p.forecast_id = f.forecast_id AND p.run_version = f.version WHERE p.version = %s AND f.segment = %s",
        (view.version, segment),
    )
    row = await found.fetchone()
    return dict(sorted(row["history"].items())) if row and row["history"] else {}
