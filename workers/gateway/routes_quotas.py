"""``/v1/quotas``: quotas asked for, adjusted, read and withdrawn."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from workers.gateway import idempotency
from workers.gateway import quota_commands as commands
from workers.gateway.parts import TheClient, TheParts, fitted, read_json, read_model
from workers.gateway.problems import Refusal
from workers.gateway.quota_contracts import AdjustmentIn, QuotasAsked, QuotasIn, QuotasWithdrawal
from workers.gateway.routes_leads import PROBLEMS, body_of
from workers.office import links
from workers.quota_approval.adapters import overview
from workers.quota_approval.domain.trail import Entry

router = APIRouter(prefix="/v1", tags=["quotas"], responses=PROBLEMS)

Text = Annotated[str, Query(pattern=r"^[^\x00]{1,200}$")]
QuotaId = Annotated[str, Path(pattern=r"^[^\x00]{1,200}$")]


class QuotaReviews(BaseModel):
    """Reviews, the latest first."""

    reviews: list[overview.ReviewLine]


class QuotaReview(BaseModel):
    """One review with its quotas and its signed trail."""

    review: overview.ReviewLine
    quotas: list[overview.CaseLine]
    trail: list[Entry]
    trail_broken_at: int | None = Field(description="The first row that was tampered with; null: none was.")


class QuotaHistory(BaseModel):
    """Versions, the latest first."""

    versions: list[overview.PublishedLine]


class QuotaVersion(BaseModel):
    """A version; it is never changed."""

    version: str
    quotas: list[overview.PublishedQuota]


@router.get("/quotas", summary="List reviews of quotas, latest first")
async def list_quotas(
    parts: TheParts,
    client: TheClient,
    organisation: Text | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> QuotaReviews:
    """Each with the version that came of it, the targets that have it, and how many quotas wait for people."""
    async with parts.pool.connection() as connection:
        found = await overview.reviews(connection, organisation=organisation, limit=limit, teams=client.teams)
    return QuotaReviews(reviews=list(found))


@router.post(
    "/quotas",
    status_code=202,
    response_model=QuotasAsked,
    openapi_extra=body_of({"$ref": "#/components/schemas/QuotasIn"}),
    summary="Have quotas set",
)
async def post_quotas(
    request: Request, parts: TheParts, client: TheClient, idempotency_key: idempotency.Key = None
) -> JSONResponse:
    """Start a review: quotas are planned, looked at by as many people as their risk asks for, and published."""
    body, document = await read_json(request)
    given = fitted(document, QuotasIn)
    held = idempotency.claim_of(idempotency_key, client.id, "POST /v1/quotas", body)

    async def start(connection: commands.Connection) -> dict[str, Any]:  # Any: JSON
        return await _start(connection, given, client.actor)

    return await idempotency.answered_once(parts, held, start)


@router.post(
    "/quotas/adjustments",
    status_code=202,
    response_model=QuotasAsked,
    openapi_extra=body_of({"$ref": "#/components/schemas/AdjustmentIn"}),
    summary="Have some quotas of a published period set anew",
)
async def post_adjustment(
    request: Request, parts: TheParts, client: TheClient, idempotency_key: idempotency.Key = None
) -> JSONResponse:
    """For the reps and units named only; a table decides whether the change is large and rare enough."""
    body, document = await read_json(request)
    given = fitted(document, AdjustmentIn)
    held = idempotency.claim_of(idempotency_key, client.id, "POST /v1/quotas/adjustments", body)

    async def start(connection: commands.Connection) -> dict[str, Any]:  # Any: JSON
        own = await overview.own_units(connection, given.organisation, client.teams)
        if own is not None and not own >= set(given.concerned):
            raise Refusal(404, "unknown-quotas", "One of those concerned is none of your team's reps and units.")
        return await _start(connection, given, client.actor)

    return await idempotency.answered_once(parts, held, start)


@router.get("/quotas/{quota_id}", summary="One review with its quotas and its signed trail")
async def get_quotas(
    quota_id: QuotaId,
    parts: TheParts,
    client: TheClient,
    state: Literal["open", "waiting", "approved"] | None = None,
) -> QuotaReview:
    """Where each quota stands, who decided what when, and what they saw."""
    async with parts.pool.connection() as connection:
        found = await overview.reviews(connection, quota_id=quota_id, limit=1, teams=client.teams)
        if not found:
            raise Refusal(404, "unknown-quotas", f"There is no review {quota_id}.")
        cases = await overview.cases(connection, quota_id, state=state, teams=client.teams)
        trail, broken_at = await overview.trail(connection, quota_id, links.secret_of(parts.settings))
        if client.teams is not None:
            own = {one.node for one in await overview.cases(connection, quota_id, teams=client.teams)}
            trail = [one for one in trail if one.node in own]
    return QuotaReview(review=found[0], quotas=list(cases), trail=list(trail), trail_broken_at=broken_at)


@router.get("/quota-versions", summary="List published quotas, latest first")
async def list_versions(
    parts: TheParts,
    client: TheClient,
    organisation: Text | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> QuotaHistory:
    """Each with the days from and until which it holds, and the targets that got it."""
    async with parts.pool.connection() as connection:
        return QuotaHistory(versions=list(await overview.history(connection, organisation, limit, teams=client.teams)))


@router.get("/quota-versions/{version}", summary="One version with its quotas")
async def get_version(version: QuotaId, parts: TheParts, client: TheClient) -> QuotaVersion:
    """Amounts in cents, units first."""
    async with parts.pool.connection() as connection:
        found = await overview.published(connection, version, teams=client.teams)
    if not found:
        raise Refusal(404, "unknown-version", f"There is no version {version}.")
    return QuotaVersion(version=version, quotas=list(found))


@router.post(
    "/quotas/{quota_id}/withdraw",
    status_code=202,
    openapi_extra=body_of({"$ref": "#/components/schemas/QuotasWithdrawal"}),
    summary="Withdraw a review",
)
async def withdraw(request: Request, quota_id: QuotaId, parts: TheParts, client: TheClient) -> QuotasAsked:
    """Stop a review at any point and undo what it did; targets go back to what they had. Asking twice is asking once."""
    given = await read_model(request, QuotasWithdrawal)
    ttl = parts.settings.gateway.message_ttl_seconds
    try:
        async with parts.pool.connection() as connection:
            asked = await commands.withdraw(connection, quota_id, given.why, actor=client.actor, ttl_seconds=ttl)
    except commands.QuotasUnknown as error:
        raise Refusal(404, "unknown-quotas", str(error)) from None
    except commands.QuotasFinished as error:
        detail = f"{error} There is nothing left to withdraw."
        raise Refusal(409, "quotas-finished", detail, state=error.state) from None
    return QuotasAsked(quota_id=quota_id, status="withdrawal asked" if asked else "withdrawal asked before")


async def _start(
    connection: commands.Connection, given: QuotasIn | AdjustmentIn, actor: str
) -> dict[str, Any]:  # Any: JSON
    more: dict[str, Any] = {}  # Any: arguments of several kinds
    if isinstance(given, AdjustmentIn):
        more = {"concerned": given.concerned, "change_percent": given.change_percent}
    try:
        quota_id, asked = await commands.start(connection, given.organisation, given.period, actor=actor, **more)
    except commands.OrganisationUnknown as error:
        raise Refusal(404, "unknown-organisation", str(error)) from None
    except commands.QuotasOpen as error:
        raise Refusal(409, "review-under-way", str(error), quota_id=error.quota_id) from None
    return QuotasAsked(quota_id=quota_id, status="asked" if asked else "asked before").model_dump()
