"""``/v1/leads``: leads in, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from pydantic import ValidationError

from workers.gateway import commands, idempotency, intake, timeline
from workers.gateway.answers import Accepted, BatchAnswer, LeadPage, LeadView, Noted, Refused, State
from workers.gateway.contracts import LeadIn, Moment, Outcome, Withdrawal, faults
from workers.gateway.human_tasks import tasks_of
from workers.gateway.parts import LeadId, Parts, TheClient, TheParts, no_such_lead, read_json, read_model
from workers.gateway.problems import MEDIA_TYPE, Refusal, invalid
from workers.office import teams
from workers.settings import Regions

_PROBLEM = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {  # Any: FastAPI's own form
    422: {"description": "It doesn't have the right form.", **_PROBLEM},
    "default": {"description": "Any other refusal; 429 and 503 say in Retry-After when to come back.", **_PROBLEM},
}

router = APIRouter(prefix="/v1/leads", tags=["leads"], responses=PROBLEMS)


def body_of(schema: Mapping[str, object]) -> dict[str, Any]:  # Any: FastAPI's own form
    """The description of a body that a route reads itself."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_LEAD = {"$ref": "#/components/schemas/LeadIn"}
_LEADS = {"type": "array", "minItems": 1, "items": _LEAD}
_LEADS_IN = {
    "anyOf": [_LEAD, _LEADS, {"type": "object", "required": ["leads"], "properties": {"leads": _LEADS}}],
}


@dataclass(slots=True)
class _Batch:
    """Leads as sent: those with the right shape, and a refusal for each of the others."""

    single: bool
    incoming: list[intake.Incoming] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    first: Refusal | None = None
    """Of the refusals."""

    def answer(self, taken: list[intake.Taken]) -> Accepted | BatchAnswer:
        accepted = [
            Accepted(lead_id=done.lead_id, external_id=item.lead.external_id, duplicate=done.duplicate)
            for item, done in zip(self.incoming, taken, strict=True)
        ]
        if self.single:
            return accepted[0]
        results: list[Accepted | Refused] = list(accepted)
        for refused in self.refused:  # in the order of their index, so that each lands on its place
            results.insert(refused.index, refused)
        return BatchAnswer(
            accepted=len(accepted),
            duplicates=sum(done.duplicate for done in taken),
            refused=len(self.refused),
            results=results,
        )


@router.post(
    "",
    status_code=202,
    response_model=Accepted | BatchAnswer,
    openapi_extra=body_of(_LEADS_IN),
    summary="Take one lead or a batch",
)
async def post_leads(
    request: Request, parts: TheParts, client: TheClient, idempotency_key: idempotency.Key = None
) -> JSONResponse:
    """Take leads; each starts its process once. A batch is an array, or an object with the member `leads`.

    A lead of the wrong shape, or for the gateway of another region, gets its own problem detail and doesn't spoil the batch. Whether a lead makes sense is
    decided in the process, where a person can mend it.
    """
    body, document = await read_json(request)
    batch = _parse(document, parts.settings.gateway.max_batch, parts.settings.regions)
    held = idempotency.claim_of(idempotency_key, client.id, "POST /v1/leads", body)
    await parts.guard.leads(client, len(batch.incoming) + len(batch.refused))
    if not batch.incoming:
        parts.metrics.leads.labels("refused").inc(len(batch.refused))
        raise _nothing_taken(batch)
    return await _take(parts, batch, held)


async def _take(parts: Parts, batch: _Batch, held: idempotency.Claim | None) -> JSONResponse:
    taken: list[intake.Taken] = []

    async def take(connection: AsyncConnection[DictRow]) -> dict[str, Any]:  # Any: JSON
        ttl = parts.settings.gateway.message_ttl_seconds
        taken.extend(await intake.take(connection, batch.incoming, ttl_seconds=ttl))
        return batch.answer(taken).model_dump(mode="json", exclude_none=True)

    response = await idempotency.answered_once(parts, held, take)
    if not taken:  # answered as before
        return response
    duplicates = sum(item.duplicate for item in taken)
    parts.metrics.leads.labels("accepted").inc(len(taken) - duplicates)
    parts.metrics.leads.labels("duplicate").inc(duplicates)
    parts.metrics.leads.labels("refused").inc(len(batch.refused))
    return response


@router.get("", summary="List leads, latest first")
async def list_leads(
    parts: TheParts,
    client: TheClient,
    state: State | None = None,
    owner: Annotated[str | None, Query(pattern=r"^[^\x00]{1,200}$", description="A rep's id.")] = None,
    since: Annotated[Moment | None, Query(description="Received at or after; UTC unless it says otherwise.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=500, description="From `next_cursor`.")] = None,
) -> LeadPage:
    """A page of leads."""
    if since is not None and since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    try:
        async with parts.pool.connection() as connection:
            return await timeline.list_leads(
                connection, state=state, owner=owner, since=since, limit=limit, cursor=cursor, teams=client.teams
            )
    except timeline.UnknownCursor as error:
        raise invalid("query cursor", str(error)) from None


@router.get("/{lead_id}", summary="One lead with all that happened")
async def get_lead(lead_id: LeadId, parts: TheParts, client: TheClient) -> LeadView:
    """State, owner, score and reasons, routing and why, SLA, human tasks, and the timeline."""
    async with parts.pool.connection() as connection:
        ours = await teams.has_lead(connection, lead_id, client.teams)
        view = await timeline.read_lead(connection, lead_id) if ours else None
    if view is None:
        raise no_such_lead()
    return timeline.with_tasks(view, await tasks_of(parts.board, view.process_instance_key))


@router.post(
    "/{lead_id}/withdraw",
    status_code=202,
    openapi_extra=body_of({"$ref": "#/components/schemas/Withdrawal"}),
    summary="Withdraw a lead",
)
async def withdraw(request: Request, lead_id: LeadId, parts: TheParts, client: TheClient) -> Noted:
    """Stop the lead's process at any point and undo what it did. Asking twice is asking once."""
    given = await read_model(request, Withdrawal)
    try:
        async with parts.pool.connection() as connection:
            await _must_be_ours(connection, lead_id, client.teams)
            asked = await commands.withdraw(
                connection,
                lead_id,
                given.why,
                actor=client.actor,
                ttl_seconds=parts.settings.gateway.message_ttl_seconds,
            )
    except commands.LeadUnknown:
        raise no_such_lead() from None
    except commands.LeadFinished as error:
        detail = f"{error} There is nothing left to withdraw."
        raise Refusal(409, "lead-finished", detail, state=error.state) from None
    return Noted(lead_id=lead_id, status="withdrawal asked" if asked else "withdrawal asked before")


@router.post(
    "/{lead_id}/outcome",
    openapi_extra=body_of({"$ref": "#/components/schemas/Outcome"}),
    summary="Record what became of a lead",
)
async def outcome(request: Request, lead_id: LeadId, parts: TheParts, client: TheClient) -> Noted:
    """Record whether the lead converted; its owner's open place is free again. A later word replaces an earlier one."""
    given = await read_model(request, Outcome)
    try:
        async with parts.pool.connection() as connection:
            await _must_be_ours(connection, lead_id, client.teams)
            await commands.record_outcome(connection, lead_id, given.converted, at=given.at, actor=client.actor)
    except commands.LeadUnknown:
        raise no_such_lead() from None
    return Noted(lead_id=lead_id, status="outcome recorded")


async def _must_be_ours(connection: AsyncConnection[DictRow], lead_id: str, own: teams.Teams) -> None:
    if not await teams.has_lead(connection, lead_id, own):
        raise no_such_lead()


def _parse(document: object, max_batch: int, regions: Regions) -> _Batch:
    match document:
        case list():
            records, single = document, False
        case {"leads": list() as records, **rest} if not rest:
            single = False
        case dict() if "leads" not in document:
            records, single = [document], True
        case _:
            detail = 'Send a lead, an array of leads, or {"leads": […]} with nothing else beside.'
            raise Refusal(422, "invalid-request", detail)
    if not records:
        raise Refusal(422, "invalid-request", "The batch is empty.")
    if len(records) > max_batch:
        raise Refusal(413, "batch-too-large", f"A batch holds at most {max_batch} leads; this one has {len(records)}.")
    batch = _Batch(single)
    for index, record in enumerate(records):
        try:
            lead = LeadIn.model_validate(record)
            intake.check_region(record, regions)
        except ValidationError as error:
            refusal = Refusal(422, "invalid-lead", "The lead doesn't have the right form.", errors=faults(error))
        except intake.OfAnotherRegion as error:
            refusal = misdirected(error)
        else:
            batch.incoming.append(intake.Incoming(lead, record))
            continue
        batch.refused.append(Refused(index=index, external_id=_external_id(record), problem=refusal.problem))
        batch.first = batch.first or refusal
    return batch


def misdirected(error: intake.OfAnotherRegion) -> Refusal:
    """422: the lead is for the gateway of another region."""
    return Refusal(422, "other-region", str(error), region=error.region)


def _nothing_taken(batch: _Batch) -> Refusal:
    if batch.single and batch.first is not None:
        return batch.first
    results = [item.model_dump(mode="json", exclude_none=True) for item in batch.refused]
    return Refusal(422, "no-lead-taken", "No lead of the batch can be taken here; see results.", results=results)


def _external_id(record: object) -> str | None:
    """The sender's id, if it can be repeated in an answer."""
    found = record.get("external_id") if isinstance(record, dict) else None
    return found if isinstance(found, str) and len(found) <= 200 and found.isprintable() else None
