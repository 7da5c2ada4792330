"""``/control/forecasts``: versions of forecasts, and each one by unit and period."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query
from fastapi.responses import HTMLResponse

from workers.control_room.charts import Band, Chart, Line, chart
from workers.forecast_review.adapters import sales
from workers.forecast_review.domain.composing import ACROSS
from workers.gateway import forecast_board as board
from workers.gateway import forecast_reading as reading
from workers.gateway.control_pages import Team, missing, shown
from workers.gateway.forecast_periods import PATTERN, UnknownPeriod
from workers.gateway.forecast_versions import segment_names, versions
from workers.gateway.parts import TheParts
from workers.gateway.sessions import TheVisitor
from workers.gateway.waiting import standing
from workers.office.teams import called

router = APIRouter(prefix="/control/forecasts", include_in_schema=False)

HISTORY = 36
"""Months before a version that its chart shows."""
REVIEWS = 20


@router.get("")
async def get_forecasts(parts: TheParts, visitor: TheVisitor, team: Team = "") -> HTMLResponse:
    """All organisations: versions, and reviews under way with what waits for people; of some teams what is theirs."""
    own = visitor.client.teams
    async with parts.pool.connection() as connection:
        organisations = await sales.organisations(connection)
        open_ = await reading.list_forecasts(
            connection, organisation=None, state="open", limit=REVIEWS, cursor=None, teams=own
        )
        stands = {one.forecast_id: await standing(connection, one.forecast_id, own) for one in open_.forecasts}
        found = await versions(connection, teams=own)
    if own is not None:
        theirs = {one.organisation for one in found}
        organisations = [one for one in organisations if one.id in theirs]
    return shown(
        "forecasts.html", active="forecasts", organisations=organisations, versions=found, reviews=open_.forecasts,
        stands=stands, team=team, own=own, tasklist=parts.board.home(),
    )  # fmt: skip


@router.get("/{version}")
async def get_forecast(
    version: Annotated[str, Path(pattern=r"^[^\x00]{1,200}$")],
    parts: TheParts,
    visitor: TheVisitor,
    segment: Annotated[str, Query(max_length=500, pattern=r"^[^\x00]*$")] = "",
    months: Annotated[str, Query(pattern=PATTERN)] = "",
    team: Team = "",
) -> HTMLResponse:
    """One version by one of its units, over a period; a team begins with the segment that is called as it is."""
    own = visitor.client.teams
    async with parts.pool.connection() as connection:
        try:
            if team and not segment:
                names = await segment_names(connection, version, own)
                segment = called(team, names) or ""
            found = await board.read(connection, version, segment or None, months, own)
        except (reading.UnknownVersion, board.UnknownUnit, UnknownPeriod) as error:
            return missing("No such forecast", f"{error} Was the address cut off?")
        case = await standing(connection, found.view.forecast_id, own)

    def link(unit: str, period: str = months) -> str:
        """Address of a unit of this version, with the filters that are set."""
        asked = {"segment": unit, "months": period, "team": team}
        return "?" + urlencode({name: value for name, value in asked.items() if value})

    return shown(
        "forecast.html", active="forecasts", found=found, drawn=_drawn(found), months=months, team=team, tasks=case.tasks,
        instance=case.instance, link=link, across=ACROSS, own=own, tasklist=parts.board.home(),
        lost=bool(team) and called(team, [one.segment for one in found.view.segments]) is None,
    )  # fmt: skip


def _drawn(found: board.Board) -> Chart:
    """History, forecast with its intervals, what came, and the version before."""
    ahead = [one.month for one in found.months]
    past = [month for month in found.history if month < ahead[0]][-HISTORY:]

    def line(kind: str, name: str) -> Line:
        return Line(kind, {one.month: getattr(one, name) for one in found.months})

    def band(low: str, high: str) -> Band:
        return Band("interval", line("", low).values, line("", high).values)

    return chart(
        [*past, *ahead],
        [Line("history", {month: found.history[month] for month in past}), line("before", "before"), line("final", "final"),
         line("actual", "actual")],
        [band("low95", "high95"), band("low", "high")],
        split=ahead[0],
    )  # fmt: skip
