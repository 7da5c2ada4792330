"""``/control/processes``: the analyst's pages, and what their diagrams are drawn from."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.background import BackgroundTask

from workers.control_room import comparing, processes, rendering, versions
from workers.control_room.processes import Measure
from workers.gateway.control_pages import HEADERS, PERIODS, TheView, missing, shared, shown
from workers.gateway.parts import TheParts
from workers.gateway.problems import Refusal
from workers.gateway.sessions import TheVisitor
from workers.office import teams

router = APIRouter(prefix="/control", include_in_schema=False)

Key = Annotated[int, Path(ge=0, lt=2**63)]
Name = Annotated[str, Path(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,200}$")]
Version = Annotated[int | None, Query(ge=1, lt=2**31)]
Shown = Annotated[Measure, Query()]
NO_PROCESS = ("No such process", "The read model knows no version of it; a new one shows after some seconds.")


@router.get("/processes")
async def get_processes(parts: TheParts, view: TheView, _visitor: TheVisitor) -> HTMLResponse:
    """All processes and their versions."""

    async def page() -> str:
        async with parts.pool.connection() as connection:
            found = await processes.overview(connection, view.scope)
            pairs = await versions.side_by_side(connection)
        return rendering.render(
            "processes.html", active="processes", view=view, periods=PERIODS, found=found, pairs=pairs
        )

    return HTMLResponse(await shared(parts, view, "processes", page), headers=HEADERS)


@router.get("/processes/{process}")
async def get_process(
    process: Name,
    parts: TheParts,
    view: TheView,
    _visitor: TheVisitor,
    version: Version = None,
    show: Shown = "frequency",
) -> HTMLResponse:
    """One version: its diagram with an overlay, and the same as a table."""

    async def page() -> str | None:
        async with parts.pool.connection() as connection:
            versions = [row for row in await processes.overview(connection, view.scope) if row["process"] == process]
            chosen = next((row for row in versions if version in {None, row["version"]}), None)
            if chosen is None:
                return None
            found = await processes.elements(connection, chosen["key"], view.scope)
        return rendering.render(
            "process.html", active="processes", view=view, periods=PERIODS, versions=versions, chosen=chosen,
            elements=found, show=show, overlay=processes.overlay(found, show), measures=processes.MEASURES,
            by_share=show in processes.SHARES,
        )  # fmt: skip

    text = await shared(parts, view, ("process", process, version, show), page)
    if text is None:
        return missing(*NO_PROCESS)
    # Who looks at a process may compare its versions next.
    return HTMLResponse(text, headers=HEADERS, background=BackgroundTask(comparing.warm_up))


@router.get("/processes/{process}/instances")
async def get_instances(
    process: Name,
    parts: TheParts,
    view: TheView,
    _visitor: TheVisitor,
    version: Annotated[int, Query(ge=1, lt=2**31)],
    chosen: Annotated[str, Query(pattern=r"^[a-z]{1,20}$")] = "started",
    element: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")] = None,
    variant: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
    kind: Annotated[str | None, Query(pattern=r"^[a-z]{1,20}$")] = None,
) -> HTMLResponse:
    """The instances behind a figure."""
    async with parts.pool.connection() as connection:
        key = await processes.key_of(connection, process, version)
        if key is None:
            return missing(*NO_PROCESS)
        try:
            total, rows = await processes.instances(
                connection, key, view.scope, chosen, element=element, variant=variant, kind=kind
            )
            called = (await processes.names_of(connection, key)).get(element or "")
        except processes.UnknownChoice:
            return missing("No such list", "Instances can't be listed by that. Was the address cut off?")
    return shown(
        "instances.html", active="processes", view=view, periods=PERIODS, process=process, version=version,
        chosen=chosen, element=element, called=called, total=total, rows=rows,
    )  # fmt: skip


@router.get("/diagrams/{key}.bpmn")
async def get_diagram(key: Key, parts: TheParts, _visitor: TheVisitor) -> Response:
    """The BPMN XML of a process version, which never changes."""
    async with parts.pool.connection() as connection:
        found = await processes.diagram(connection, key)
    if found is None:
        raise Refusal(404, "no-diagram", "The read model knows no process version of this key.")
    headers = {"Cache-Control": "private, max-age=86400", "X-Content-Type-Options": "nosniff"}
    return Response(found, media_type="application/xml", headers=headers)


@router.get("/diagrams/{key}/figures.json")
async def get_figures(
    key: Key, parts: TheParts, view: TheView, _visitor: TheVisitor, show: Shown = "frequency"
) -> Response:
    """What is laid over a diagram: by element a shade and a text."""

    async def read() -> dict[str, Any]:
        async with parts.pool.connection() as connection:
            found = await processes.elements(connection, key, view.scope)
        shades = processes.overlay(found, show).shades
        return {
            one.id: {"shade": shades.get(one.id, 0), "text": _text(one, show), "trouble": one.open}
            for one in found
            if one.id in shades or one.open
        }

    return JSONResponse(
        await shared(parts, view, ("figures", key, show), read),
        headers={"Cache-Control": "no-store"},
    )


@router.get("/instances/{key}/path.json")
async def get_path(key: Key, parts: TheParts, visitor: TheVisitor) -> Response:
    """What is laid over the diagram of one instance."""
    async with parts.pool.connection() as connection:
        ours = await teams.has_instance(connection, key, visitor.client.teams)
        rows = await processes.path(connection, key) if ours else []
    found = {
        row["element"]: {
            "shade": 5 if row["incident"] else 4 if row["running"] else 2,
            "text": f"{row['times']}\N{MULTIPLICATION SIGN}" if row["times"] > 1 else "",
            "trouble": int(row["incident"]),
        }
        for row in rows
    }
    return JSONResponse(found, headers={"Cache-Control": "no-store"})


def _text(one: processes.Element, show: Measure) -> str:
    if show == "frequency":
        return rendering.number(one.started)
    if show == "duration":
        return f"{rendering.duration(one.p50)} · {rendering.duration(one.p95)}"
    if not one.value(show):
        return ""
    share = rendering.percent(one.value(show))
    return f"{rendering.number(one.incidents)} · {share}" if show == "incidents" else share
