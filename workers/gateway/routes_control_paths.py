"""``/control/processes/{process}/…``: the ways instances took, two versions side by side, and the event log to take away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, StreamingResponse

from workers.control_room import comparing, event_log, paths, processes, rendering
from workers.control_room.event_log import Format
from workers.gateway.control_pages import HEADERS, PERIODS, TheView, missing, shared
from workers.gateway.parts import TheParts
from workers.gateway.problems import busy
from workers.gateway.routes_control_processes import NO_PROCESS, Name, Version
from workers.gateway.sessions import TheVisitor

router = APIRouter(prefix="/control/processes/{process}", include_in_schema=False)

LOGS = 2
"""Event logs that are written at a time; each keeps a core busy for a while."""


@router.get("/paths")
async def get_paths(
    process: Name, parts: TheParts, view: TheView, _visitor: TheVisitor, version: Version = None
) -> HTMLResponse:
    """The variants of a version, its rework, and what deviates from its diagram."""

    async def page() -> str | None:
        async with parts.pool.connection() as connection:
            versions = await processes.versions(connection, process)
            chosen = next((row for row in versions if version in {None, row["version"]}), None)
            if chosen is None:
                return None
            names = await processes.names_of(connection, chosen["key"])
            found = await paths.read(connection, chosen["key"], names, view.scope)
        return rendering.render(
            "paths.html", active="processes", view=view, periods=PERIODS, versions=versions, chosen=chosen, found=found,
            formats=event_log.FORMATS,
        )  # fmt: skip

    text = await shared(parts, view, ("paths", process, version), page)
    return missing(*NO_PROCESS) if text is None else HTMLResponse(text, headers=HEADERS)


@router.get("/compare")
async def get_comparison(
    process: Name,
    parts: TheParts,
    view: TheView,
    _visitor: TheVisitor,
    one: Version = None,
    other: Version = None,
) -> HTMLResponse:
    """Two versions side by side; by default the newest and the one before it."""

    async def page() -> str | None:
        async with parts.pool.connection() as connection:
            versions = [row for row in await processes.overview(connection, view.scope) if row["process"] == process]
            if not versions:
                return None
            newer = next((row for row in versions if row["version"] == other), versions[0])
            before = next((row for row in versions if row["version"] < newer["version"]), versions[-1])
            older = next((row for row in versions if row["version"] == one), before)
            sides = await comparing.read(connection, older, newer, view.scope)
            names = await processes.names_of(connection, older["key"]) | await processes.names_of(
                connection, newer["key"]
            )
        return rendering.render(
            "compare.html", active="processes", view=view, periods=PERIODS, versions=versions, one=older, other=newer,
            found=await asyncio.to_thread(comparing.judge, *sides), names=names,
        )  # fmt: skip

    try:
        text = await shared(parts, view, ("compare", process, one, other), page)
    except comparing.NotInstalled as error:
        return missing("Versions can't be compared here", str(error))
    return missing(*NO_PROCESS) if text is None else HTMLResponse(text, headers=HEADERS)


@router.get("/log")
async def get_log(
    process: Name,
    parts: TheParts,
    view: TheView,
    _visitor: TheVisitor,
    form: Annotated[Format, Query(alias="format")] = "xes",
) -> StreamingResponse:
    """The event log of a process: its instances that began in the period, of all versions, written while it is sent."""
    if parts.exporting.locked():
        detail = f"{LOGS} event logs are being written. Try again in a minute, or use `fairlead readmodel export`."
        raise busy("logs-under-way", detail, status=503, retry_after=60)

    async def text() -> AsyncIterator[bytes]:
        async with parts.exporting:
            async for part in event_log.written(parts.pool, (process,), view.scope, form):
                yield part

    kind = event_log.FORMATS[form]
    name = f"{process}_{view.period}{kind.ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(text(), media_type=kind.media_type, headers=headers | {"Cache-Control": "no-store"})
