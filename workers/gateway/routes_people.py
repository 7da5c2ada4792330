"""Pages that people open in a browser: the way from an e-mail to the task in Tasklist."""

from __future__ import annotations

from html import escape
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from workers.gateway import timeline
from workers.gateway.answers import FINISHED
from workers.gateway.html import page
from workers.gateway.human_tasks import EngineUnavailable
from workers.gateway.parts import LeadId, TheParts, page_visitor

router = APIRouter(tags=["people"])

RELOAD_SECONDS = 5
"""Tasklist learns of a task some seconds after the engine opened it."""


@router.get(
    "/leads/{lead_id}/task",
    response_class=HTMLResponse,
    summary="To the lead's open task",
    responses={303: {"description": "The open task in Tasklist."}, 404: {"description": "No such lead."}},
)
async def open_task(lead_id: LeadId, parts: TheParts, _visit: Annotated[None, Depends(page_visitor)]) -> Response:
    """Redirect to the open task of a lead in Tasklist, which has its own log-in; else say why there is none."""
    async with parts.pool.connection() as connection:
        view = await timeline.read_lead(connection, lead_id)
    if view is None:
        return _page("No such lead", "There is no lead of this id. Was the address cut off?", status=404)
    tasklist = parts.board.home()
    if view.state in FINISHED:
        return _page("Nothing to do", f"This lead is {view.state}; no task is open for it.", link=tasklist)
    try:
        tasks = await parts.board.tasks(view.process_instance_key) if view.process_instance_key else []
    except EngineUnavailable:
        return _page("Tasklist can't be asked", "Try again in a moment.", link=tasklist, reload=True, status=503)
    open_tasks = [task for task in tasks if task.state == "CREATED"]
    if open_tasks:
        return RedirectResponse(parts.board.link(open_tasks[-1]), 303)
    text = f"No task is open for this lead at the moment (it is {view.state}). A new task shows after some seconds."
    return _page("No open task", text, link=tasklist, reload=True)


def _page(title: str, text: str, *, link: str | None = None, reload: bool = False, status: int = 200) -> HTMLResponse:
    refresh = f'<meta http-equiv="refresh" content="{RELOAD_SECONDS}">' if reload else ""
    way = f'<p><a href="{escape(link)}">Open Tasklist</a></p>' if link else ""
    return page(title, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>{way}", head=refresh, status=status)
