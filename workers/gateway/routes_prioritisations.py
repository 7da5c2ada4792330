"""``/v1/prioritisations``: rankings of open opportunities asked for, read and withdrawn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse

from workers.gateway import idempotency, prioritisations
from workers.gateway.parts import TheClient, TheParts, fitted, read_json, read_model
from workers.gateway.prioritisation_contracts import (
    PrioritisationAsked,
    PrioritisationIn,
    PrioritisationView,
    PrioritisationWithdrawal,
)
from workers.gateway.problems import Refusal
from workers.gateway.routes_leads import PROBLEMS, body_of

router = APIRouter(prefix="/v1/prioritisations", tags=["opportunities"], responses=PROBLEMS)

PrioritisationId = Annotated[str, Path(pattern=r"^[^\x00]{1,200}$", description="As given when it was asked for.")]


@router.post(
    "",
    status_code=202,
    response_model=PrioritisationAsked,
    openapi_extra=body_of({"$ref": "#/components/schemas/PrioritisationIn"}),
    summary="Have open opportunities ranked",
)
async def post_prioritisation(
    request: Request, parts: TheParts, client: TheClient, idempotency_key: idempotency.Key = None
) -> JSONResponse:
    """Start a ranking of an organisation's open opportunities; it starts by itself each morning."""
    body, document = await read_json(request)
    given = fitted(document, PrioritisationIn)
    held = idempotency.claim_of(idempotency_key, client.id, "POST /v1/prioritisations", body)

    async def start(connection: prioritisations.Connection) -> dict[str, Any]:  # Any: JSON
        try:
            prioritisation_id, asked = await prioritisations.start(
                connection, given.organisation, actor=client.actor, now=datetime.now(UTC)
            )
        except prioritisations.PrioritisationUnknown as error:
            raise Refusal(404, "unknown-organisation", str(error)) from None
        except prioritisations.PrioritisationOpen as error:
            detail = str(error)
            raise Refusal(409, "ranking-under-way", detail, prioritisation_id=error.prioritisation_id) from None
        status = "asked" if asked else "asked before"
        return PrioritisationAsked(prioritisation_id=prioritisation_id, status=status).model_dump()

    return await idempotency.answered_once(parts, held, start)


@router.get("/{prioritisation_id}", summary="One ranking, and what reps did with it")
async def get_prioritisation(
    prioritisation_id: PrioritisationId,
    parts: TheParts,
    client: TheClient,
    rep: Annotated[str | None, Query(pattern=r"^[^\x00]{1,200}$", description="Only this rep's.")] = None,
) -> PrioritisationView:
    """Each opportunity with its chance, what acting now is worth, the next best action, reasons, and what came of it."""
    async with parts.pool.connection() as connection:
        found = await prioritisations.read(connection, prioritisation_id, rep=rep, teams=client.teams)
    if found is None:
        raise _unknown(prioritisation_id)
    return found


@router.post(
    "/{prioritisation_id}/withdraw",
    status_code=202,
    openapi_extra=body_of({"$ref": "#/components/schemas/PrioritisationWithdrawal"}),
    summary="Withdraw a ranking",
)
async def withdraw(
    request: Request, prioritisation_id: PrioritisationId, parts: TheParts, client: TheClient
) -> PrioritisationAsked:
    """Stop it at any point; the CRM gets the ranking before back. Asking twice is asking once."""
    given = await read_model(request, PrioritisationWithdrawal)
    try:
        async with parts.pool.connection() as connection:
            asked = await prioritisations.withdraw(
                connection,
                prioritisation_id,
                given.why,
                actor=client.actor,
                ttl_seconds=parts.settings.gateway.message_ttl_seconds,
            )
    except prioritisations.PrioritisationUnknown:
        raise _unknown(prioritisation_id) from None
    except prioritisations.PrioritisationFinished as error:
        raise Refusal(409, "ranking-finished", str(error), state=error.state) from None
    status = "withdrawal asked" if asked else "withdrawal asked before"
    return PrioritisationAsked(prioritisation_id=prioritisation_id, status=status)


def _unknown(prioritisation_id: str) -> Refusal:
    return Refusal(404, "unknown-ranking", f"There is no ranking {prioritisation_id}.")
