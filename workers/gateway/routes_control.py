"""``/control``: the page Today, the cases behind its figures, and what all pages need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from workers.control_room import foresight, instances, kpis, lists, rendering, today
from workers.gateway.control_pages import HEADERS, PERIODS, TheView, missing, shared, shown
from workers.gateway.forecast_outlook import Glance, glances
from workers.gateway.live import VIEWERS, TooManyViewers
from workers.gateway.parts import Parts, TheParts, page_visitor
from workers.gateway.problems import Refusal, busy
from workers.gateway.sessions import TheVisitor
from workers.office import teams
from workers.quota_approval.adapters import roll_up

router = APIRouter(prefix="/control", include_in_schema=False)

YEAR = 31_536_000


@router.get("")
async def get_today(parts: TheParts, view: TheView, _visitor: TheVisitor) -> HTMLResponse:
    """The manager's page."""

    async def planning() -> tuple[Sequence[Glance], Sequence[roll_up.Odds]]:
        async with parts.pool.connection() as connection:
            team = view.team or None
            return await glances(connection, team, view.own), await roll_up.odds(connection, team, view.own)

    async def page() -> str:
        async with parts.pool.connection() as connection:
            choice = await today.teams(connection)
            if view.own is not None:  # also teams that are no territory: a unit of quotas, a segment
                known = dict(choice)
                choice = [one for one in choice if one[0] in view.own] + [(o, o) for o in view.own if o not in known]
            state = await foresight.state(connection)
            attention = await foresight.attention(connection, view.scope.team, most=foresight.FIRST)
        found, (forecasts, quotas) = await asyncio.gather(today.read(parts.pool, view.scope), planning())
        return rendering.render(
            "today.html", active="today", view=view, periods=PERIODS, teams=choice, found=found, ages=today.AGES,
            state=state, attention=attention, at_risk_meaning=_meaning(parts, state), tasklist=parts.board.home(),
            forecasts=forecasts, quotas=quotas, unlikely=roll_up.UNLIKELY,
        )  # fmt: skip

    return HTMLResponse(await shared(parts, view, "today", page), headers=HEADERS)


@router.get("/leads/{figure}")
async def get_leads(
    figure: Annotated[str, Path(pattern=r"^[a-z0-9-]{1,40}$")],
    parts: TheParts,
    view: TheView,
    _visitor: TheVisitor,
    rep: Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00]*$")] = None,
) -> HTMLResponse:
    """The leads that a figure counts."""
    async with parts.pool.connection() as connection:
        counted = lists.FIGURES.get(figure)
        if counted and rep is not None and not counted.by_team and not await teams.has_rep(connection, rep, view.own):
            return missing("No such rep", "There is no rep of this id. Was the address cut off?")
        try:
            found = await lists.leads(connection, figure, view.scope, rep=rep)
        except lists.UnknownFigure:
            return missing("No such figure", "There is no figure of this name. Was the address cut off?")
        note = _meaning(parts, await foresight.state(connection)) if found.risks else ""
    return shown("leads.html", active="today", view=view, periods=PERIODS, found=found, rep=rep, foresight_note=note)


def _meaning(parts: Parts, state: foresight.Foresight) -> str:
    """What counts as at risk, in words."""
    if state.model is None:
        return f"At risk: an owner has the lead, and {100 * today.AT_RISK:.0f} % of the time until it is due are gone."
    least = parts.settings.control_room.at_risk_from
    return (
        f"At risk: an owner has the lead, and its due time will run out with a chance of at least {100 * least:.0f} %."
    )


@router.get("/attention")
async def get_attention(parts: TheParts, view: TheView, _visitor: TheVisitor) -> HTMLResponse:
    """Open cases that need somebody, the most urgent first."""
    async with parts.pool.connection() as connection:
        state = await foresight.state(connection)
        found = await foresight.attention(connection, view.scope.team)
    return shown("attention.html", active="today", view=view, state=state, found=found, tasklist=parts.board.home())


@router.get("/prediction")
async def get_prediction(parts: TheParts, _visitor: TheVisitor) -> HTMLResponse:
    """The model in use, with its error."""
    async with parts.pool.connection() as connection:
        state, card = await foresight.state(connection), await foresight.card(connection)
    return shown("prediction.html", active="today", state=state, card=card)


@router.get("/tasks")
async def get_tasks(
    parts: TheParts,
    view: TheView,
    _visitor: TheVisitor,
    who: Annotated[str | None, Query(max_length=500, pattern=r"^[^\x00]*$")] = None,
    age: Annotated[int | None, Query(ge=0, lt=len(today.AGES))] = None,
    overdue: bool = False,
) -> HTMLResponse:
    """Open tasks, the oldest first."""
    async with parts.pool.connection() as connection:
        found = await today.tasks_of(connection, view.scope, who=who, age=age, overdue=overdue)
    return shown(
        "tasks.html", active="today", view=view, tasks=found, who=who, age=None if age is None else today.AGES[age][0],
        overdue=overdue, tasklist=parts.board.home(),
    )  # fmt: skip


@router.get("/kpis/{name}")
async def get_kpi(
    name: Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,60}$")], parts: TheParts, view: TheView, _visitor: TheVisitor
) -> HTMLResponse:
    """A KPI and the cases behind it; of a team, one that knows teams."""
    scope = view.scope
    kpi = next((one for one in kpis.declared() if one.name == name and (scope.team is None or one.by_team)), None)
    if kpi is None:
        of_team = " of a team" if scope.team else ""
        return missing("No such KPI", f"There is no KPI of this name{of_team}. Was the address cut off?")
    async with parts.pool.connection() as connection:
        (found,) = kpis.measured(await kpis.over_leads(connection, scope, {name: kpi.sql}))
        rows = await kpis.cases_of(connection, kpi, scope, today.LISTED)
    return shown("kpi.html", active="today", view=view, periods=PERIODS, found=found, rows=rows)


@router.get("/instances/{key}")
async def get_instance(key: Annotated[int, Path(ge=0, lt=2**63)], parts: TheParts, visitor: TheVisitor) -> HTMLResponse:
    """One process instance."""
    async with parts.pool.connection() as connection:
        ours = await teams.has_instance(connection, key, visitor.client.teams)
        found = await instances.read(connection, key) if ours else None
    if found is None:
        return missing("No such instance", "The read model does not know it; a new one shows after some seconds.")
    return shown(
        "instance.html", active="processes", found=found, tasklist=parts.board.home(),
        trace_url=parts.settings.control_room.trace_url,
    )  # fmt: skip


@router.get("/events")
async def get_events(parts: TheParts, _visitor: TheVisitor) -> Response:
    """Server-sent events: ``changed`` whenever a page may have something new."""
    events = parts.live.events()
    try:
        first = await anext(events)
    except TooManyViewers:
        detail = f"{VIEWERS} pages are live already. This one shows what was when it was loaded."
        raise busy("too-many-viewers", detail, status=503, retry_after=60) from None

    async def stream() -> AsyncIterator[str]:
        yield first
        async for event in events:
            yield event

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


@router.get("/static/{name:path}", dependencies=[Depends(page_visitor)])
async def get_static(name: str) -> Response:
    """Style sheets and scripts; they hold nothing of this installation."""
    if name not in rendering.static_names():
        raise Refusal(404, None, "There is no such file.")
    file = rendering.STATIC / name
    headers = {"Cache-Control": f"public, max-age={YEAR}, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(file.read_bytes(), media_type=rendering.MEDIA_TYPES[file.suffix], headers=headers)
