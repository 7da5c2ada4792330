"""``/control/territories``: alignments and versions of territories, and each alignment by plan and region."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import HTMLResponse

from workers.gateway.control_pages import Team, missing, shown
from workers.gateway.parts import TheParts
from workers.gateway.sessions import TheVisitor
from workers.gateway.territory_board import UnknownAlignment, read
from workers.gateway.waiting import standing
from workers.office import links
from workers.territory_alignment.adapters import organisations, overview
from workers.territory_alignment.adapters.pictures import picture_path

router = APIRouter(prefix="/control/territories", include_in_schema=False)

Name = Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")]


@router.get("")
async def get_territories(parts: TheParts, visitor: TheVisitor, team: Team = "") -> HTMLResponse:
    """All organisations: alignments and versions, and what waits for people; of some teams those with a region of theirs."""
    own = visitor.client.teams
    async with parts.pool.connection() as connection:
        known = await organisations.organisations(connection)
        if own is not None:
            known = [one for one in known if await overview.regions(connection, one.id, teams=own)]
        alignments = await overview.lines(connection, teams=own)
        versions = {one.id: await overview.history(connection, one.id, limit=20, teams=own) for one in known}
        stands = {
            one.alignment_id: await standing(connection, one.alignment_id, own)
            for one in alignments
            if one.state == "open"
        }
    return shown(
        "territories.html", active="territories", organisations=known, alignments=alignments, versions=versions,
        stands=stands, team=team, own=own, tasklist=parts.board.home(),
    )  # fmt: skip


@router.get("/{alignment_id}")
async def get_alignment(
    alignment_id: Annotated[str, Path(pattern=r"^[^\x00]{1,200}$")],
    parts: TheParts,
    visitor: TheVisitor,
    plan: Name = "",
    region: Name = "",
    team: Team = "",
) -> HTMLResponse:
    """One alignment; a team sees the region that is called as it is."""
    # By the hour, so that an address stays the same while the page looks again.
    ends = datetime.now(UTC).replace(minute=0, second=0) + timedelta(hours=1 + parts.settings.gateway.link_hours)
    secret = links.secret_of(parts.settings)

    def picture(version: str) -> str:
        return links.signed("", picture_path(version), secret, ends)

    async with parts.pool.connection() as connection:
        try:
            found = await read(
                connection, alignment_id, picture, version=plan or None, region=region or None, team=team or None,
                teams=visitor.client.teams,
            )  # fmt: skip
        except UnknownAlignment as error:
            return missing("No such territories", f"{error} Was the address cut off?")
    return shown(
        "territory.html", active="territories", found=found, team=team, own=visitor.client.teams,
        tasklist=parts.board.home(),
    )  # fmt: skip
