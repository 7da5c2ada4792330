"""``/control/webhooks``: who is sent webhooks, how that goes, and sending again; beside the page Operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from workers.connectors.outgoing import overview
from workers.gateway import mending, mending_webhooks, sessions
from workers.gateway.control_pages import shown
from workers.gateway.parts import Form, Parts, TheParts, read_form
from workers.gateway.sessions import TheVisitor, Visitor
from workers.operations.model import Done
from workers.settings_access import Role

router = APIRouter(prefix="/control", include_in_schema=False)

LISTED = 25
"""Attempts that are shown."""

Of = Annotated[str, Query(max_length=50, pattern=r"^[^\x00]*$")]
Show = Annotated[Literal["failed", "all"], Query()]


@router.get("/webhooks")
async def get_webhooks(parts: TheParts, visitor: TheVisitor, of: Of = "", show: Show = "failed") -> HTMLResponse:
    """Subscriptions, and the latest attempts: of one subscription, or of all."""
    return await _page(parts, visitor, of, show)


@router.post("/webhooks")
async def mend_webhooks(
    request: Request, parts: TheParts, visitor: TheVisitor, of: Of = "", show: Show = "failed"
) -> HTMLResponse:
    """Mend what was chosen, and show the page with what came of it."""
    form = await read_form(request)
    sessions.check_form(request, visitor, form.one("word"))
    try:
        done = await _mend(parts, visitor, form)
    except mending.NotAsked as error:
        return await _page(parts, visitor, of, show, wrong=str(error), status=422)
    return await _page(parts, visitor, of, show, done=done)


async def _mend(parts: Parts, visitor: Visitor, form: Form) -> list[Done]:
    actor = mending.actor_of(visitor.client, form)
    if form.one("what") == "attempts":
        return await mending_webhooks.send_again(parts.pool, mending.keys_of(form.get("key", [])), actor)
    names = form.get("name", [])
    return await mending_webhooks.mend(parts.pool, names, form.one("how"), form.one("since"), actor)


async def _page(
    parts: Parts,
    visitor: Visitor,
    of: str,
    show: str,
    *,
    done: Sequence[Done] | None = None,
    wrong: str = "",
    status: int = 200,
) -> HTMLResponse:
    async def read() -> tuple[Sequence[overview.Told], Sequence[overview.Listed]]:
        async with parts.pool.connection() as connection:
            attempts = await overview.attempts(connection, of or None, failed=show == "failed", limit=LISTED)
            return await overview.read(connection), attempts

    what = ("webhooks", of, show)
    # Who has just changed something sees what came of it.
    if done is not None:
        parts.shared.forget(what)
    found, attempts = await parts.shared.get(what, read)
    return shown(
        "webhooks.html", status=status, active="operations", found=found, attempts=attempts, of=of, show=show, done=done,
        wrong=wrong, word=visitor.word, runbooks=parts.settings.runbook, person=visitor.client.person,
        repairs=Role.OPERATOR in visitor.client.access.roles,
    )  # fmt: skip
