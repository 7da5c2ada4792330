"""``/v1/territories`` and ``/v1/alignments``: territories aligned, read and withdrawn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse

from workers.gateway import idempotency
from workers.gateway import territory_commands as commands
from workers.gateway.parts import TheClient, TheParts, fitted, read_json, read_model
from workers.gateway.problems import Refusal
from workers.gateway.routes_leads import PROBLEMS, body_of
from workers.gateway.territory_answers import AlignmentAsked, AlignmentList, AlignmentState, TerritoryView, VersionList
from workers.gateway.territory_contracts import AlignmentIn, TerritoryWithdrawal
from workers.office import links
from workers.territory_alignment.adapters import overview
from workers.territory_alignment.adapters.pictures import picture_path

router = APIRouter(prefix="/v1", tags=["territories"], responses=PROBLEMS)

Text = Annotated[str, Query(pattern=r"^[^\x00]{1,200}$")]
Version = Annotated[str, Path(pattern=r"^[^\x00]{1,200}$", description="From `/v1/territories`.")]
AlignmentId = Annotated[str, Path(pattern=r"^[^\x00]{1,200}$")]
Limit = Annotated[int, Query(ge=1, le=500)]


@router.get("/alignments", summary="List alignments, latest first")
async def list_alignments(
    parts: TheParts,
    client: TheClient,
    organisation: Text | None = None,
    state: AlignmentState | None = None,
    limit: Limit = 50,
) -> AlignmentList:
    """Alignments with what is on the table, what was put down for approval, and the targets that have it."""
    async with parts.pool.connection() as connection:
        found = await overview.lines(
            connection, organisation=organisation, state=state, limit=limit, teams=client.teams
        )
    return AlignmentList(alignments=found)


@router.post(
    "/alignments",
    status_code=202,
    response_model=AlignmentAsked,
    openapi_extra=body_of({"$ref": "#/components/schemas/AlignmentIn"}),
    summary="Have territories aligned",
)
async def post_alignment(
    request: Request, parts: TheParts, client: TheClient, idempotency_key: idempotency.Key = None
) -> JSONResponse:
    """Start an alignment: planned by the solver, looked at by managers, approved, published everywhere or nowhere."""
    body, document = await read_json(request)
    given = fitted(document, AlignmentIn)
    held = idempotency.claim_of(idempotency_key, client.id, "POST /v1/alignments", body)

    async def start(connection: overview.Connection) -> dict[str, Any]:  # Any: JSON
        try:
            alignment_id, asked = await commands.start(
                connection,
                given.organisation,
                given.reason,
                actor=client.actor,
                leaving=given.leaving,
                joining=given.joining,
                effective_from=given.effective_from,
            )
        except commands.AlignmentUnknown as error:
            raise Refusal(404, "unknown-organisation", str(error)) from None
        except commands.AlignmentRefused as error:
            raise Refusal(422, "invalid-request", str(error)) from None
        except commands.AlignmentOpen as error:
            raise Refusal(409, "alignment-under-way", str(error), alignment_id=error.alignment_id) from None
        return AlignmentAsked(alignment_id=alignment_id, status="asked" if asked else "asked before").model_dump()

    return await idempotency.answered_once(parts, held, start)


@router.get("/alignments/{alignment_id}", summary="One alignment with all that happened")
async def get_alignment(alignment_id: AlignmentId, parts: TheParts, client: TheClient) -> overview.AlignmentStory:
    """Scenarios with their figures, what managers said, how far a search is, and the timeline."""
    async with parts.pool.connection() as connection:
        found = await overview.story(connection, alignment_id, teams=client.teams)
    if found is None:
        raise Refusal(404, "unknown-alignment", f"There is no alignment {alignment_id}.")
    return found


@router.post(
    "/alignments/{alignment_id}/withdraw",
    status_code=202,
    openapi_extra=body_of({"$ref": "#/components/schemas/TerritoryWithdrawal"}),
    summary="Withdraw an alignment",
)
async def withdraw(request: Request, alignment_id: AlignmentId, parts: TheParts, client: TheClient) -> AlignmentAsked:
    """Stop an alignment at any point and undo what it did; owners go back to what they were. Asking twice is asking once."""
    given = await read_model(request, TerritoryWithdrawal)
    ttl = parts.settings.gateway.message_ttl_seconds
    try:
        async with parts.pool.connection() as connection:
            asked = await commands.withdraw(connection, alignment_id, given.why, actor=client.actor, ttl_seconds=ttl)
    except commands.AlignmentUnknown as error:
        raise Refusal(404, "unknown-alignment", str(error)) from None
    except commands.AlignmentFinished as error:
        detail = f"{error} There is nothing left to withdraw."
        raise Refusal(409, "alignment-finished", detail, state=error.state) from None
    return AlignmentAsked(alignment_id=alignment_id, status="withdrawal asked" if asked else "withdrawal asked before")


@router.get("/territories", summary="List versions of an organisation, newest first")
async def list_versions(parts: TheParts, client: TheClient, organisation: Text, limit: Limit = 50) -> VersionList:
    """Versions that were put down for approval, with what became of them."""
    async with parts.pool.connection() as connection:
        return VersionList(versions=await overview.history(connection, organisation, limit, teams=client.teams))


@router.get("/territories/{version}", summary="One version with its accounts")
async def get_version(
    version: Version,
    parts: TheParts,
    client: TheClient,
    rep: Annotated[Text | None, Query(description="Only accounts that this rep has or had.")] = None,
    changed: Annotated[bool, Query(description="Only accounts that change hands.")] = False,
    limit: Annotated[int, Query(ge=1, le=2_000)] = 200,
    cursor: Annotated[Text | None, Query(description="From `next_cursor`.")] = None,
) -> TerritoryView:
    """Facts, approval, targets, and for each account whose it is, whose it was, and why."""
    async with parts.pool.connection() as connection:
        found = await overview.published(connection, version, teams=client.teams)
        if found is None:
            raise Refusal(404, "unknown-version", f"There is no version {version}.")
        accounts = await overview.owners(
            connection, found.plan_version, changed=changed, rep=rep, after=cursor or "", limit=limit + 1,
            teams=client.teams,
        )  # fmt: skip
    until = datetime.now(UTC) + timedelta(hours=parts.settings.gateway.link_hours)
    path, secret = picture_path(found.plan_version), links.secret_of(parts.settings)
    return TerritoryView(
        version=found,
        picture=links.signed(parts.settings.gateway_url, path, secret, until) if client.teams is None else "",
        accounts=accounts[:limit],
        next_cursor=accounts[limit - 1].account if len(accounts) > limit else None,
    )
