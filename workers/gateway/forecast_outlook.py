"""Will we make it: what came and what is forecast of a quota's months, against the quota."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workers.forecast_review.adapters import sales
from workers.forecast_review.domain.composing import TOTAL, members
from workers.forecast_review.domain.upkeep import with_sums
from workers.gateway import forecast_reading as reading
from workers.gateway.forecast_answers import Change
from workers.gateway.forecast_periods import months_of, under_way
from workers.gateway.forecast_versions import segment_names, version_before
from workers.office.teams import Teams, called
from workers.quota_approval.adapters import overview, roll_up

_IN_USE = """
    SELECT DISTINCT ON (o.id) o.id, o.name, p.version
    FROM forecasting.organisations o JOIN forecasting.publications p ON p.organisation = o.id
    WHERE EXISTS (SELECT FROM forecasting.sendings s WHERE s.version = p.version AND s.state = 'delivered')
    ORDER BY o.id, p.id DESC
"""


@dataclass(frozen=True, slots=True)
class Stand:
    """A published quota, and how the forecast of its months stands to it. Figures of sales are money, the quota cents."""

    organisation: str
    name: str
    quota_id: str
    version: str
    period: str
    currency: str
    node: str
    quota: int
    odds: float
    """Of attainment, 0 to 1, as they were when it was published."""
    months: int
    actual: float
    """Of the months that came."""
    came: int
    ahead: float
    """Forecast of those that did not."""
    missing: tuple[str, ...]
    """Months of which nothing is known: they are in no sum."""

    @property
    def outlook(self) -> float:
        """What came and what is forecast."""
        return self.actual + self.ahead

    @property
    def attainment(self) -> float | None:
        """The outlook's share of the quota; None: there is no quota, or months are missing."""
        return 100 * self.outlook / self.quota if self.quota and not self.missing else None


@dataclass(frozen=True, slots=True)
class Glance:
    """The forecast of one unit, in the quarter that is under way by the months that came."""

    organisation: str
    name: str
    version: str
    segment: str
    quarter: str
    unit: str
    final: float
    """Published, of the quarter."""
    actual: float | None
    """What came of it."""
    expected: float | None
    """Published, of the months that came."""
    came: int
    months: int
    former: str | None
    change: Change | None
    """Against the version before, over the quarter's months that both have."""
    stands: Sequence[Stand]


async def glances(connection: reading.Connection, team: str | None, teams: Teams = None) -> list[Glance]:
    """Of each organisation that works with a forecast; of a team where there is a segment that is called as it is; `teams`:
    those that may be seen.
    """
    found = await connection.execute(_IN_USE)
    shown = []
    for row in await found.fetchall():
        segments = await segment_names(connection, row["version"], teams)
        segment = called(team, segments) if team else TOTAL if TOTAL in segments else segments[0]
        if segment is not None:
            shown.append(await _glance(connection, row["id"], row["name"], row["version"], segment, segments, teams))
    return shown


async def _glance(
    connection: reading.Connection,
    organisation: str,
    name: str,
    version: str,
    segment: str,
    segments: Sequence[str],
    teams: Teams,
) -> Glance:
    view = await reading.read_forecast(
        connection, version, lambda *_: "", segments=[segment], level=None, limit=1, cursor=0
    )
    (one,), known = view.segments, await sales.organisation(connection, organisation)
    assert known is not None  # the version's row refers to it
    below = {segment: members(segments)[segment]}
    actuals = with_sums(below, view.months, await sales.sales_of(connection, known, view.months))
    quarter = under_way(view.months, {month for _, month in actuals if (segment, month) in actuals})
    chosen = months_of(view.months, quarter)
    final = dict(zip(view.months, one.final, strict=True))
    came = [month for month in chosen if (segment, month) in actuals]
    former, change = await version_before(connection, version, teams), None
    if former is not None:
        try:
            compared = await reading.compare(connection, former, version, len(segments), within=chosen, teams=teams)
        except reading.NotComparable:
            former = None
        else:
            change = next((each for each in compared.changes if each.segment == segment), None)
    return Glance(
        organisation, name, version, segment, quarter, view.unit,
        final=sum(final[month] for month in chosen),
        actual=sum(actuals[segment, month] for month in came) if came else None,
        expected=sum(final[month] for month in came) if came else None,
        came=len(came), months=len(chosen), former=former, change=change,
        stands=await stands(connection, organisation, version, segment, teams),
    )  # fmt: skip


async def stands(
    connection: reading.Connection, organisation: str, version: str, segment: str, teams: Teams
) -> list[Stand]:
    """Quotas in force that are planned by this organisation's forecast: that of the whole, or of the unit that is called as
    the segment is; with `teams` if it is theirs.
    """
    quotas = [one for one in await roll_up.in_force(connection) if one.forecast_of == organisation]
    if not quotas:
        return []
    found = await connection.execute(
        "SELECT segment, months, final FROM forecasting.published_segments JOIN forecasting.publications USING (version)"
        " WHERE version = %s ORDER BY place",
        (version,),
    )
    rows = {row["segment"]: row for row in await found.fetchall()}
    row, known = rows[segment], await sales.organisation(connection, organisation)
    assert known is not None  # the version's row refers to it
    forecast = dict(zip(row["months"], row["final"], strict=True))
    below = {segment: members(list(rows))[segment]}
    whole = teams is None and segment == (TOTAL if TOTAL in rows else next(iter(rows)))
    shown = []
    for one in quotas:
        nodes = await overview.published(connection, one.version, teams=teams)
        name = nodes[0].node if nodes and whole else called(segment.rpartition("/")[2], [each.node for each in nodes])
        node = next((each for each in nodes if each.node == name), None)
        if node is None or known.currency not in {"", one.currency}:
            continue
        actuals = with_sums(below, one.months, await sales.sales_of(connection, known, one.months))
        came = [month for month in one.months if (segment, month) in actuals]
        ahead = [month for month in one.months if month in forecast and month not in came]
        shown.append(
            Stand(
                one.organisation, one.name, one.quota_id, one.version, one.period, one.currency, node.node, node.quota,
                node.odds, len(one.months),
                actual=sum(actuals[segment, month] for month in came), came=len(came),
                ahead=sum(forecast[month] for month in ahead),
                missing=tuple(month for month in one.months if month not in came and month not in ahead),
            )
        )  # fmt: skip
    return shown
