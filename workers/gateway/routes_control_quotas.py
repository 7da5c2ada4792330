"""``/control/quotas``: versions and reviews of quotas, and each review by unit."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import HTMLResponse

from workers.gateway.control_pages import Team, missing, shown
from workers.gateway.parts import TheParts
from workers.gateway.quota_board import UnknownReview, read
from workers.gateway.sessions import TheVisitor
from workers.gateway.waiting import standing
from workers.quota_approval.adapters import overview, roll_up
from workers.quota_approval.domain.cases import REASON_WORDS

router = APIRouter(prefix="/control/quotas", include_in_schema=False)

REVIEWS = 30


@router.get("")
async def get_quotas(parts: TheParts, visitor: TheVisitor, team: Team = "") -> HTMLResponse:
    """All organisations: what is in force, versions with their days, and reviews; of some teams what is theirs."""
    own = visitor.client.teams
    async with parts.pool.connection() as connection:
        organisations = await overview.organisations(connection)
        reviews = await overview.reviews(connection, limit=REVIEWS, teams=own)
        versions = await overview.history(connection, None, teams=own)
        force = {one.organisation: one for one in await roll_up.in_force(connection)}
        # To who sees some teams each review's page says who is waited for, by unit.
        open_ = [one for one in reviews if one.state == "open" and own is None]
        stands = {one.quota_id: await standing(connection, one.quota_id) for one in open_}
    if own is not None:
        theirs = {one.organisation for one in reviews} | {one.organisation for one in versions}
        organisations = [one for one in organisations if one.id in theirs]
        force = {name: one for name, one in force.items() if one.version in {each.version for each in versions}}
    return shown(
        "quotas.html", active="quotas", organisations=organisations, reviews=reviews, versions=versions, force=force,
        stands=stands, team=team, own=own, tasklist=parts.board.home(),
    )  # fmt: skip


@router.get("/{quota_id}")
async def get_quota(
    quota_id: Annotated[str, Path(pattern=r"^[^\x00]{1,200}$")],
    parts: TheParts,
    visitor: TheVisitor,
    node: Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")] = "",
    team: Team = "",
) -> HTMLResponse:
    """One review from one of its units on; a team begins with the unit that is called as it is."""
    own = visitor.client.teams
    async with parts.pool.connection() as connection:
        try:
            found = await read(connection, parts.settings, quota_id, node or None, team or None, own)
        except UnknownReview as error:
            return missing("No such quotas", f"{error} Was the address cut off?")
    return shown(
        "quota.html", active="quotas", found=found, team=team, own=own, reasons=REASON_WORDS, tasklist=parts.board.home(),
    )  # fmt: skip
