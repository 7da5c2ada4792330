"""``/v1/forecasts`` and ``/v1/organisations``: forecasts made, read, judged and withdrawn; sales in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from workers.forecast_review.adapters import overview
from workers.forecast_review.adapters import sales as sales_store
from workers.forecast_review.adapters.pictures import picture_path
from workers.forecast_review.domain.organisation import Organisation
from workers.gateway import forecast_commands as commands
from workers.gateway import forecast_reading as reading
from workers.gateway import idempotency
from workers.gateway.contracts import faults
from workers.gateway.forecast_answers import (
    AccuracyView,
    Comparison,
    ForecastAsked,
    ForecastPage,
    ForecastView,
    ReviewState,
    SaleRefused,
    SalesTaken,
)
from workers.gateway.forecast_contracts import MAX_SALES, MONTH, ForecastWithdrawal, ReviewIn, SaleIn
from workers.gateway.parts import Parts, TheClient, TheParts, fitted, read_json, read_model
from workers.gateway.problems import Fault, Refusal, invalid
from workers.gateway.routes_leads import PROBLEMS, body_of
from workers.office import links

router = APIRouter(prefix="/v1", tags=["forecasts"], responses=PROBLEMS)

_SALE = {"$ref": "#/components/schemas/SaleIn"}
_SALES = {"type": "array", "minItems": 1, "maxItems": MAX_SALES, "items": _SALE}
_SALES_IN = {"anyOf": [_SALES, {"type": "object", "required": ["sales"], "properties": {"sales": _SALES}}]}

Text = Annotated[str, Query(pattern=r"^[^\x00]{1,200}$")]
Version = Annotated[str, Path(pattern=r"^[^\x00]{1,200}$", description="From `/v1/forecasts`.")]
ForecastId = Annotated[str, Path(pattern=r"^[^\x00]{1,200}$")]


@router.get("/forecasts", summary="List forecasts, latest first")
async def list_forecasts(
    parts: TheParts,
    client: TheClient,
    organisation: Text | None = None,
    state: ReviewState | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[Text | None, Query(description="From `next_cursor`.")] = None,
) -> ForecastPage:
    """Reviews, each with the version that came of it and the targets that have it."""
    try:
        async with parts.pool.connection() as connection:
            return await reading.list_forecasts(
                connection, organisation=organisation, state=state, limit=limit, cursor=cursor, teams=client.teams
            )
    except LookupError as error:
        raise invalid("query cursor", str(error)) from None


@router.post(
    "/forecasts",
    status_code=202,
    response_model=ForecastAsked,
    openapi_extra=body_of({"$ref": "#/components/schemas/ReviewIn"}),
    summary="Have a forecast made",
)
async def post_forecast(
    request: Request, parts: TheParts, client: TheClient, idempotency_key: idempotency.Key = None
) -> JSONResponse:
    """Start a review of an organisation's forecast: models are fitted, people asked where they can add something."""
    body, document = await read_json(request)
    given = fitted(document, ReviewIn)
    held = idempotency.claim_of(idempotency_key, client.id, "POST /v1/forecasts", body)

    async def start(connection: reading.Connection) -> dict[str, Any]:  # Any: JSON
        await _organisation(connection, given.organisation)
        try:
            forecast_id, asked = await commands.start(connection, given.organisation, actor=client.actor)
        except commands.ReviewOpen as error:
            raise Refusal(409, "review-under-way", str(error), forecast_id=error.forecast_id) from None
        return ForecastAsked(forecast_id=forecast_id, status="asked" if asked else "asked before").model_dump()

    return await idempotency.answered_once(parts, held, start)


@router.get("/reviews/{forecast_id}", summary="One review with all that happened")
async def get_review(forecast_id: ForecastId, parts: TheParts, client: TheClient) -> overview.ReviewStory:
    """The segments that people were asked about, what they said, how far a fit is, and the timeline."""
    async with parts.pool.connection() as connection:
        found = await overview.story(connection, forecast_id, teams=client.teams)
    if found is None:
        raise Refusal(404, "unknown-forecast", f"There is no review {forecast_id}.")
    return found


@router.get("/reviews/{forecast_id}/findings", summary="What was found in the sales of a review")
async def get_findings(
    forecast_id: ForecastId,
    parts: TheParts,
    client: TheClient,
    limit: Annotated[int, Query(ge=1, le=2_000)] = 200,
    cursor: Annotated[int, Query(ge=0, le=10**6, description="From `next_cursor`.")] = 0,
) -> overview.ReviewFindings:
    """What was left out, and each finding of the checks, the worst first, with its repair and who decided it."""
    async with parts.pool.connection() as connection:
        found = await overview.findings(connection, forecast_id, limit=limit, cursor=cursor, teams=client.teams)
    if found is None:
        raise Refusal(404, "unknown-forecast", f"No sales were collected in a review {forecast_id}.")
    return found


@router.get("/forecasts/{version}", summary="One version with its segments")
async def get_forecast(
    version: Version,
    parts: TheParts,
    client: TheClient,
    segment: Annotated[
        list[Text], Query(default_factory=list, description="Only these; may be repeated.", max_length=100)
    ],
    level: Annotated[Text | None, Query(description="Only segments of this level, or `total`.")] = None,
    limit: Annotated[int, Query(ge=1, le=2_000)] = 200,
    cursor: Annotated[int, Query(ge=0, le=10**6, description="From `next_cursor`.")] = 0,
) -> ForecastView:
    """Facts, card, release, targets, and for each segment what the models say, what was published, and intervals."""
    async with _read(parts) as connection:
        return await reading.read_forecast(
            connection, version, _picture(parts), segments=segment or None, level=level, limit=limit, cursor=cursor,
            teams=client.teams,
        )  # fmt: skip


@router.get("/forecasts/{version}/accuracy", summary="A version held against what came")
async def get_accuracy(
    version: Version,
    parts: TheParts,
    client: TheClient,
    until: Annotated[str | None, Query(pattern=MONTH, description="As it was after this month.")] = None,
) -> AccuracyView:
    """WAPE, MASE, bias, coverage and forecast value added by step, by model and by person; means of the segments."""
    async with _read(parts) as connection:
        found = await reading.read_accuracy(connection, version, until, teams=client.teams)
    if found is None:
        raise Refusal(404, "not-judged", "The months of this version are not over, or were not looked at yet.")
    return found


@router.get("/forecasts/{before}/compare/{after}", summary="What changed between two versions")
async def compare(
    before: Version,
    after: Version,
    parts: TheParts,
    client: TheClient,
    limit: Annotated[int, Query(ge=1, le=2_000)] = 50,
) -> Comparison:
    """Sums over the months that both have, the largest changes first; champions and overrides beside them."""
    try:
        async with _read(parts) as connection:
            return await reading.compare(connection, before, after, limit, teams=client.teams)
    except reading.NotComparable as error:
        raise Refusal(422, "not-comparable", str(error)) from None


@router.post(
    "/forecasts/{forecast_id}/withdraw",
    status_code=202,
    openapi_extra=body_of({"$ref": "#/components/schemas/ForecastWithdrawal"}),
    summary="Withdraw a review",
)
async def withdraw(request: Request, forecast_id: ForecastId, parts: TheParts, client: TheClient) -> ForecastAsked:
    """Stop a review at any point and undo what it did; targets go back to what they had. Asking twice is asking once."""
    given = await read_model(request, ForecastWithdrawal)
    ttl = parts.settings.gateway.message_ttl_seconds
    try:
        async with parts.pool.connection() as connection:
            asked = await commands.withdraw(connection, forecast_id, given.why, actor=client.actor, ttl_seconds=ttl)
    except commands.ForecastUnknown as error:
        raise Refusal(404, "unknown-forecast", str(error)) from None
    except commands.ForecastFinished as error:
        detail = f"{error} There is nothing left to withdraw."
        raise Refusal(409, "forecast-finished", detail, state=error.state) from None
    return ForecastAsked(forecast_id=forecast_id, status="withdrawal asked" if asked else "withdrawal asked before")


@router.post(
    "/organisations/{organisation}/sales",
    openapi_extra=body_of(_SALES_IN),
    summary="Take sales",
)
async def post_sales(
    request: Request,
    organisation: Annotated[str, Path(pattern=r"^[^\x00]{1,200}$")],
    parts: TheParts,
    client: TheClient,
) -> SalesTaken:
    """Take what was sold: an array, or an object with the member `sales`. A later figure replaces an earlier one, so
    that a batch may be sent again. One that can't be taken gets its own problem and doesn't spoil the batch. Where
    something is new the forecast is looked at within half an hour, and reviewed if it no longer holds.
    """
    _, document = await read_json(request)
    async with parts.pool.connection() as connection:
        known = await _organisation(connection, organisation)
    now = datetime.now(UTC)
    good, problems = _sales(_records(document), known, now)
    if not good:
        results = [item.model_dump(mode="json", exclude_none=True) for item in problems]
        raise Refusal(422, "no-sale-taken", "No figure of the batch can be taken; see results.", results=results)
    parts.guard.admit(await parts.queue.waiting())
    async with parts.pool.connection() as connection:
        stored = await commands.take_sales(connection, known, good, actor=client.actor, now=now)
    return SalesTaken(
        new=stored.new, changed=stored.changed, same=stored.same, refused=len(problems), problems=problems
    )


def _records(document: object) -> list[object]:
    match document:
        case list() as records:
            pass
        case {"sales": list() as records, **rest} if not rest:
            pass
        case _:
            raise Refusal(422, "invalid-request", 'Send an array of figures, or {"sales": […]} with nothing else.')
    if not records:
        raise Refusal(422, "invalid-request", "The batch is empty.")
    if len(records) > MAX_SALES:
        raise Refusal(
            413, "batch-too-large", f"A batch holds at most {MAX_SALES} figures; this one has {len(records)}."
        )
    return records


def _sales(
    records: list[object], organisation: Organisation, now: datetime
) -> tuple[list[sales_store.Sale], list[SaleRefused]]:
    good: dict[tuple[str, str], tuple[int, SaleIn]] = {}
    problems = []
    for index, record in enumerate(records):
        try:
            sale = SaleIn.model_validate(record)
        except ValidationError as error:
            found = faults(error)
        else:
            found = _unfit(sale, organisation, now)
            first = good.get((sale.segment, sale.month))
            if not found and first is not None:
                found = [
                    Fault(pointer="#/month", detail=f"the same segment and month stand at index {first[0]} already")
                ]
            if not found:
                good[sale.segment, sale.month] = index, sale
                continue
        refusal = Refusal(422, "invalid-sale", "The figure can't be taken.", errors=found)
        problems.append(SaleRefused(index=index, problem=refusal.problem))
    return [(sale.segment, sale.first_day, sale.value) for _, sale in good.values()], problems


def _unfit(sale: SaleIn, organisation: Organisation, now: datetime) -> list[Fault]:
    levels = " / ".join(organisation.levels)
    if len(sale.segment.split("/")) != len(organisation.levels):
        return [Fault(pointer="#/segment", detail=f"must have one part for each level: {levels}")]
    if not commands.is_over(sale.first_day, now):
        return [Fault(pointer="#/month", detail="the month is not over")]
    return []


async def _organisation(connection: reading.Connection, name: str) -> Organisation:
    known = await sales_store.organisation(connection, name)
    if known is None:
        raise Refusal(404, "unknown-organisation", "There is no organisation of this id.")
    return known


def _picture(parts: Parts) -> reading.Picture:
    until = datetime.now(UTC) + timedelta(hours=parts.settings.gateway.link_hours)
    secret = links.secret_of(parts.settings)
    return lambda run_version, segment: links.signed(
        parts.settings.gateway_url, picture_path(run_version, segment), secret, until
    )


@asynccontextmanager
async def _read(parts: Parts) -> AsyncIterator[reading.Connection]:
    try:
        async with parts.pool.connection() as connection:
            yield connection
    except reading.UnknownVersion as error:
        raise Refusal(404, "unknown-version", str(error)) from None
