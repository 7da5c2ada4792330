"""``/v1/follow-ups``: contacts that were promised, made, or are not wanted any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse

from workers.gateway import follow_ups, idempotency
from workers.gateway.access import Client
from workers.gateway.follow_up_contracts import (
    ContactMade,
    FollowUpAsked,
    FollowUpCancellation,
    FollowUpIn,
    FollowUpPage,
    FollowUpState,
    FollowUpView,
)
from workers.gateway.parts import Parts, TheClient, TheParts, fitted, read_json, read_model
from workers.gateway.problems import Refusal
from workers.gateway.routes_leads import PROBLEMS, body_of
from workers.office import teams

router = APIRouter(prefix="/v1/follow-ups", tags=["follow-ups"], responses=PROBLEMS)

FollowUpId = Annotated[str, Path(pattern=r"^[^\x00]{1,200}$", description="As given when it was promised.")]


@router.post(
    "",
    status_code=202,
    response_model=FollowUpAsked,
    openapi_extra=body_of({"$ref": "#/components/schemas/FollowUpIn"}),
    summary="Have a promised contact followed up",
)
async def post_follow_up(
    request: Request, parts: TheParts, client: TheClient, idempotency_key: idempotency.Key = None
) -> JSONResponse:
    """Start the process of a promise: reminder, escalation, and what came of it. The same promise starts once."""
    body, document = await read_json(request)
    given = fitted(document, FollowUpIn)
    held = idempotency.claim_of(idempotency_key, client.id, "POST /v1/follow-ups", body)

    async def start(connection: follow_ups.Connection) -> dict[str, Any]:  # Any: JSON
        if not await teams.has_rep(connection, given.rep_id, client.teams):
            raise Refusal(422, "impossible-promise", f"There is no rep {given.rep_id} who could keep it.")
        try:
            follow_up_id, asked = await follow_ups.start(connection, given, actor=client.actor, now=follow_ups.now())
        except follow_ups.PromiseImpossible as error:
            raise Refusal(422, "impossible-promise", str(error)) from None
        return FollowUpAsked(follow_up_id=follow_up_id, status="promised" if asked else "promised before").model_dump()

    return await idempotency.answered_once(parts, held, start)


@router.get("", summary="List promises, those due first in front")
async def list_follow_ups(
    parts: TheParts,
    client: TheClient,
    rep: Annotated[str | None, Query(pattern=r"^[^\x00]{1,200}$", description="A rep's id.")] = None,
    state: FollowUpState | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> FollowUpPage:
    """Open ones first."""
    async with parts.pool.connection() as connection:
        found = await follow_ups.list_(connection, rep=rep, state=state, limit=limit, teams=client.teams)
    return FollowUpPage(follow_ups=found)


@router.get("/{follow_up_id}", summary="One promise with its changes")
async def get_follow_up(follow_up_id: FollowUpId, parts: TheParts, client: TheClient) -> FollowUpView:
    """Who has it, until when, and what became of it."""
    async with parts.pool.connection() as connection:
        ours = await teams.has_follow_up(connection, follow_up_id, client.teams)
        found = await follow_ups.read(connection, follow_up_id) if ours else None
    if found is None:
        raise _unknown(follow_up_id)
    return found


@router.post(
    "/{follow_up_id}/contact",
    status_code=202,
    openapi_extra=body_of({"$ref": "#/components/schemas/ContactMade"}),
    summary="Tell that the contact was made",
)
async def post_contact(request: Request, follow_up_id: FollowUpId, parts: TheParts, client: TheClient) -> FollowUpAsked:
    """Close the rep's task with what came of it, as the CRM knows. Telling twice is telling once."""
    given = await read_model(request, ContactMade)
    async with _answering(parts, client, follow_up_id) as connection:
        told = await follow_ups.contact_made(
            connection,
            follow_up_id,
            **given.model_dump(),
            actor=client.actor,
            ttl_seconds=parts.settings.gateway.message_ttl_seconds,
        )
    return FollowUpAsked(follow_up_id=follow_up_id, status="told" if told else "told before")


@router.post(
    "/{follow_up_id}/cancel",
    status_code=202,
    openapi_extra=body_of({"$ref": "#/components/schemas/FollowUpCancellation"}),
    summary="Take a promise back",
)
async def post_cancellation(
    request: Request, follow_up_id: FollowUpId, parts: TheParts, client: TheClient
) -> FollowUpAsked:
    """Stop the process at any point and take the activity out of the CRM. Asking twice is asking once."""
    given = await read_model(request, FollowUpCancellation)
    async with _answering(parts, client, follow_up_id) as connection:
        asked = await follow_ups.cancel(
            connection,
            follow_up_id,
            given.why,
            actor=client.actor,
            ttl_seconds=parts.settings.gateway.message_ttl_seconds,
        )
    return FollowUpAsked(
        follow_up_id=follow_up_id, status="cancellation asked" if asked else "cancellation asked before"
    )


@asynccontextmanager
async def _answering(parts: Parts, client: Client, follow_up_id: str) -> AsyncIterator[follow_ups.Connection]:
    try:
        async with parts.pool.connection() as connection:
            if not await teams.has_follow_up(connection, follow_up_id, client.teams):
                raise _unknown(follow_up_id)
            yield connection
    except follow_ups.FollowUpUnknown:
        raise _unknown(follow_up_id) from None
    except follow_ups.FollowUpFinished as error:
        raise Refusal(409, "follow-up-finished", str(error), state=error.state) from None


def _unknown(follow_up_id: str) -> Refusal:
    return Refusal(404, "unknown-follow-up", f"There is no follow-up {follow_up_id}.")
