"""``/control/processes/…/versions``: which share of new instances has which version. As `fairlead versions` changes it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from workers.control_room import versions as comparing
from workers.gateway import mending, sessions
from workers.gateway.control_pages import TheView, View, missing, shown
from workers.gateway.parts import Form, Parts, TheParts, read_form
from workers.gateway.routes_control_processes import NO_PROCESS, Name
from workers.gateway.sessions import TheVisitor, Visitor
from workers.operations import audit
from workers.runtime.zeebe_types import EngineBusy
from workers.settings import Settings
from workers.settings_access import Role
from workers.versions import shares
from workers.versions.deployed import versions_of
from workers.versions.errors import NoSuchVersion, VersionError

router = APIRouter(prefix="/control", include_in_schema=False)

TRAIL = 15
"""Entries of the audit trail that are shown."""


@router.get("/processes/{process}/versions")
async def get_versions(process: Name, parts: TheParts, view: TheView, visitor: TheVisitor) -> HTMLResponse:
    """Both versions, and what can be changed."""
    return await _page(parts, view, visitor, process)


@router.post("/processes/{process}/versions")
async def change_versions(
    process: Name, request: Request, parts: TheParts, view: TheView, visitor: TheVisitor
) -> HTMLResponse:
    """Change what was chosen, and show the page with what came of it."""
    form = await read_form(request)
    sessions.check_form(request, visitor, form.one("word"))
    try:
        done = await _change(parts, visitor, process, form)
    except (mending.NotAsked, VersionError) as error:
        return await _page(parts, view, visitor, process, wrong=str(error), status=422)
    except EngineBusy:
        return await _page(parts, view, visitor, process, wrong="The engine can't be reached.", status=503)
    return await _page(parts, view, visitor, process, done=done)


async def _change(parts: Parts, visitor: Visitor, process: str, form: Form) -> str:
    actor = mending.actor_of(visitor.client, form)

    async def engine_version() -> str:
        return await _engine_version(parts.settings)

    match form.one("how"):
        case "hold":
            return str(await shares.hold(parts.pool, process, actor, engine_version))
        case "share":
            share = _share(form.one("share"))
            return str(await shares.set_share(parts.pool, process, share, actor, engine_version))
        case "rollback":
            return str(await shares.roll_back(parts.pool, process, actor, engine_version))
        case "promote":
            version = await shares.promote(parts.pool, process, actor)
            return f"All new instances of {process} have the newest version, {version}."
    raise mending.NotAsked("Choose what to do: hold, give a share, roll back or promote.")


def _share(text: str) -> float:
    try:
        share = float(text) / 100
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise mending.NotAsked("Give the share in per cent, from 0 to 100.")
    return share


async def _engine_version(settings: Settings) -> str:
    # gRPC costs memory that a gateway pays only when somebody asks for it.
    from workers.runtime.zeebe import ZeebeClient  # noqa: PLC0415

    async with ZeebeClient(settings) as engine:
        return (await engine.topology()).gateway_version


async def _page(
    parts: Parts, view: View, visitor: Visitor, process: str, *, done: str = "", wrong: str = "", status: int = 200
) -> HTMLResponse:
    async with parts.pool.connection() as connection:
        try:
            known = await versions_of(connection, process)
        except NoSuchVersion:
            return missing(*NO_PROCESS)
        pairs = await comparing.side_by_side(connection, process)
    trail = [one for one in await audit.entries(parts.pool, action="version.") if one.subject == f"versions:{process}"]
    return shown(
        "versions.html", status=status, active="processes", view=view, process=process, pair=pairs[0] if pairs else None,
        newest=known[0].version, before=known[1].version if len(known) > 1 else None, trail=trail[:TRAIL], done=done,
        wrong=wrong, word=visitor.word, person=visitor.client.person, repairs=Role.OPERATOR in visitor.client.access.roles,
    )  # fmt: skip
