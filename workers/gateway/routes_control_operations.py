"""``/control/operations``: the operator's page. What it changes is what `fairlead ops` changes, by the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from psycopg.rows import DictRow

from workers.control_room import backlog, instances
from workers.gateway import mending, sessions
from workers.gateway.control_pages import shown
from workers.gateway.parts import Form, Parts, TheParts, read_form
from workers.gateway.sessions import TheVisitor, Visitor
from workers.healing import showing, switch
from workers.operations import audit, dead_letters
from workers.operations.model import DeadLetter, Done, Incident, Wanted
from workers.settings_access import Role

router = APIRouter(prefix="/control", include_in_schema=False)

LISTED = 200
TRAIL = 15
"""Entries of the audit trail that are shown."""


@dataclass(frozen=True, slots=True)
class Now:
    """What the page shows, whoever looks."""

    found: backlog.Backlog
    healing: showing.Overview
    letters: Sequence[DeadLetter]
    instance_of: Mapping[str, int]
    trail: Sequence[audit.Entry]
    position: switch.Switch


@router.get("/operations")
async def get_operations(parts: TheParts, visitor: TheVisitor) -> HTMLResponse:
    """What stopped and what waits."""
    return await _page(parts, visitor)


@router.post("/operations")
async def mend(request: Request, parts: TheParts, visitor: TheVisitor) -> HTMLResponse:
    """Mend what was chosen, and show the page with what came of it."""
    form = await read_form(request)
    sessions.check_form(request, visitor, form.one("word"))
    try:
        done = await _mend(parts, visitor, form)
    except mending.NotAsked as error:
        return await _page(parts, visitor, wrong=str(error), status=422)
    return await _page(parts, visitor, done=done)


async def _mend(parts: Parts, visitor: Visitor, form: Form) -> list[Done]:
    actor = mending.actor_of(visitor.client, form)
    if form.one("what") == "healing":
        return [await mending.switch_healing(parts.pool, form.one("how"), actor)]
    keys = mending.keys_of(form.get("key", []))
    if form.one("what") == "dead letters":
        return await mending.mend_letters(parts.pool, keys, form.one("how"), actor, late=form.one("late") == "yes")
    async with parts.pool.connection() as connection:
        chosen = [_incident(row) for row in await backlog.incidents(connection, keys)]
    return await mending.mend_incidents(parts.pool, parts.desk, chosen, actor, form.one("variables"))


async def _page(
    parts: Parts, visitor: Visitor, *, done: Sequence[Done] | None = None, wrong: str = "", status: int = 200
) -> HTMLResponse:
    async def read() -> Now:
        letters = await dead_letters.find(parts.pool, Wanted(limit=LISTED))
        async with parts.pool.connection() as connection:
            found = await backlog.read(connection, datetime.now(UTC))
            healing = await showing.overview(connection)
            cases = {one.business_id for one in letters} | {one.business_id for one in (*healing.open, *healing.healed)}
            instance_of = await instances.of_cases(connection, cases)
        trail = await audit.entries(parts.pool, limit=TRAIL)
        return Now(found, healing, letters, instance_of, trail, await switch.read(parts.pool, parts.settings))

    # Who has just changed something sees what came of it.
    if done is not None:
        parts.shared.forget("operations")
    now = await parts.shared.get("operations", read)
    return shown(
        "operations.html", status=status, active="operations", found=now.found, letters=now.letters, trail=now.trail, done=done,
        wrong=wrong, instance_of=now.instance_of, word=visitor.word, runbooks=parts.settings.runbook, person=visitor.client.person,
        repairs=Role.OPERATOR in visitor.client.access.roles, healing=now.healing,
        position=now.position,
    )  # fmt: skip


def _incident(row: DictRow) -> Incident:
    return Incident(
        key=row["key"],
        process=row["process"],
        element=row["element"],
        business_id=row["business_id"],
        message=row["message"],
        error_type=row["kind"],
        since=row["raised_at"],
        process_instance_key=row["instance_key"],
        job_key=row["job_key"],
        element_instance_key=row["element_key"],
    )
