"""``/runbooks/…``: what to do about an incident, an alert or a dead letter; their messages lead here."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, RedirectResponse

from workers.gateway import runbooks
from workers.gateway.html import page
from workers.gateway.parts import page_visitor

# Readers come from Operate or from an e-mail and have no token; the pages hold nothing of this installation.
router = APIRouter(tags=["operations"], include_in_schema=False, dependencies=[Depends(page_visitor)])


@router.get("/runbooks")
async def index() -> RedirectResponse:
    """To the list of pages."""
    return RedirectResponse(f"/runbooks/{runbooks.INDEX}.md", 307)


@router.get("/runbooks/{name}.md")
async def one(name: str) -> HTMLResponse:
    """One page; addresses are the files' names, so that the links between pages hold."""
    found = runbooks.runbook(name)
    if found is None:
        text = f'<p>There is no runbook of this name. <a href="{runbooks.INDEX}.md">All pages</a></p>'
        return page("No such page", f"<h1>No such page</h1>{text}", status=404)
    return page(found.title, found.html, kind="long")
