"""``/v1/whatif`` and its page: past leads through a changed decision table. One replay at a time: it takes both cores."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from workers.gateway import sessions
from workers.gateway.control_pages import shown
from workers.gateway.parts import Parts, TheClient, TheParts, read_model
from workers.gateway.problems import Refusal, busy
from workers.gateway.routes_leads import PROBLEMS, body_of
from workers.gateway.sessions import TheVisitor, Visitor
from workers.what_if import showing
from workers.what_if.answer import WhatIf
from workers.what_if.asking import MOST_LEADS, ask
from workers.what_if.errors import Refused, WhatIfError

router = APIRouter(responses=PROBLEMS)

LISTED = 200
"""Cases that the page shows."""


class WhatIfIn(BaseModel):
    """A changed file, and on how many leads to try it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: Annotated[str, Field(min_length=1, description="The whole changed .dmn file.")]
    last: Annotated[int, Field(ge=1, le=MOST_LEADS, description="So many leads, the last that were routed.")] = 10_000
    cases: Annotated[int, Field(ge=0, le=10_000, description="List so many leads that are decided otherwise.")] = 200


class _Asked(WhatIfIn):
    """The same from the page, with its secret word."""

    word: str


@router.post(
    "/v1/whatif",
    tags=["leads"],
    openapi_extra=body_of({"$ref": "#/components/schemas/WhatIfIn"}),
    summary="Try a changed decision table on past leads",
)
async def post_what_if(request: Request, parts: TheParts, _client: TheClient) -> WhatIf:
    """Replay leads with a changed lead_routing_rules.dmn or lead_fallback_score.dmn. Nothing is deployed or changed."""
    given = await read_model(request, WhatIfIn)
    try:
        return await _replay(parts, given, given.cases)
    except Refused as error:
        raise Refusal(422, "table-refused", str(error)) from None
    except WhatIfError as error:
        raise busy("replay-unfinished", str(error), status=503, retry_after=60) from None


@router.get("/control/what-if", include_in_schema=False)
async def get_page(visitor: TheVisitor) -> HTMLResponse:
    """The analyst's page."""
    return _page(visitor)


@router.post("/control/what-if", include_in_schema=False)
async def ask_by_page(request: Request, parts: TheParts, visitor: TheVisitor) -> HTMLResponse:
    """Replay what was chosen on the page."""
    given = await read_model(request, _Asked)
    sessions.check_form(request, visitor, given.word)
    try:
        return _page(visitor, found=await _replay(parts, given, LISTED))
    except WhatIfError as error:
        return _page(visitor, wrong=str(error), status=422 if isinstance(error, Refused) else 503)


async def _replay(parts: Parts, given: WhatIfIn, cases: int) -> WhatIf:
    if parts.replaying.locked():
        detail = "Another replay is under way; one runs at a time. Try again in a minute."
        raise busy("replay-under-way", detail, status=503, retry_after=60)
    async with parts.replaying:
        return await ask(parts.settings, given.table.encode(), last=given.last, cases=cases)


def _page(visitor: Visitor, *, found: WhatIf | None = None, wrong: str = "", status: int = 200) -> HTMLResponse:
    return shown(
        "what_if.html", status=status, active="what-if", word=visitor.word, found=found, wrong=wrong, showing=showing
    )
