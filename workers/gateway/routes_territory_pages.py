"""Pages and pictures of territories for people: a signed link opens them for a while, an API token always."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import escape
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse

from workers.gateway.html import page
from workers.gateway.parts import TheParts
from workers.gateway.problems import Refusal
from workers.gateway.signed_pages import Signature, Until, let_in, picture_of
from workers.office import links
from workers.territory_alignment.adapters import overview
from workers.territory_alignment.adapters.pictures import page_path, picture_path

router = APIRouter(tags=["people"])

SHOWN = 200
"""Accounts that a page lists."""


@router.get(
    "/territories/{plan_version}/picture",
    response_class=Response,
    summary="A picture of a plan",
    responses={200: {"content": {"image/png": {}}, "description": "Maps and loads of today and of the plan."}},
)
async def get_picture(
    request: Request,
    plan_version: Annotated[str, Path(pattern=r"^[^\x00]{1,200}$")],
    parts: TheParts,
    until: Until = None,
    signature: Signature = None,
) -> Response:
    """Drawn when the plan was made."""
    await let_in(request, parts, picture_path(plan_version), until, signature)
    async with parts.pool.connection() as connection:
        found = await connection.execute("SELECT png FROM territories.pictures WHERE version = %s", (plan_version,))
        row = await found.fetchone()
    if row is None:
        raise Refusal(404, "no-picture", "There is no picture of such a plan; `fairlead territory show` draws one.")
    return picture_of(row["png"])


@router.get("/territories/{version}", response_class=HTMLResponse, summary="A version as a page")
async def get_page(
    request: Request,
    version: Annotated[str, Path(pattern=r"^[^\x00]{1,200}$")],
    parts: TheParts,
    until: Until = None,
    signature: Signature = None,
) -> Response:
    """What changes hands by a version, and why."""
    await let_in(request, parts, page_path(version), until, signature)
    async with parts.pool.connection() as connection:
        found = await overview.published(connection, version)
        if found is None:
            text = "<h1>No such territories</h1><p>There is no version of this name. Was the address cut off?</p>"
            return page("No such territories", text, status=404)
        moved = await overview.owners(connection, found.plan_version, changed=True, limit=SHOWN)
    ends = datetime.now(UTC) + timedelta(hours=parts.settings.gateway.link_hours)
    picture = links.signed("", picture_path(found.plan_version), links.secret_of(parts.settings), ends)
    rows = "".join(
        f"<tr><td>{escape(one.account)}</td><td>{escape(one.former or 'nobody')}</td><td>{escape(one.rep)}</td>"
        f"<td>{one.potential:,.0f}</td><td>{escape(one.why)}</td></tr>"
        for one in moved
    )
    more = f"<p>The first {SHOWN}; <code>/v1/territories/{escape(version)}?changed=true</code> has all.</p>"
    body = (
        f"<h1>Territories {escape(version)}</h1>"
        f"<p>{escape(found.organisation)}, in force from {found.effective_from}; {found.facts['changed']} accounts change"
        f' hands.</p><p><img width="100%" alt="Maps of today and of the plan" src="{escape(picture)}"></p>'
        f"<h2>Accounts that change hands</h2><table><tr><th>Account</th><th>Before</th><th>Now</th><th>Potential</th>"
        f"<th>Why</th></tr>{rows}</table>{more if len(moved) == SHOWN else ''}"
    )
    return page(f"Territories {version}", body, kind="long", pictures=True)
