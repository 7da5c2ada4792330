"""What the routes share, and how they get at it."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Annotated, NoReturn, TypeVar
from urllib.parse import parse_qs

from fastapi import Depends, Path, Request, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from workers.gateway.access import Client
from workers.gateway.backlog import EngineQueue
from workers.gateway.contracts import faults
from workers.gateway.guard import Guard
from workers.gateway.human_tasks import TaskBoard
from workers.gateway.live import Live, Shared
from workers.gateway.mending import OpenDesk
from workers.gateway.metrics import Metrics
from workers.gateway.people import People
from workers.gateway.problems import Refusal
from workers.runtime.database import Pool
from workers.settings import Settings

BODY_SECONDS = 30
"""Time a client has to send its body."""

FORM_BYTES = 100_000
FORM_FIELDS = 1_000
"""Of a form that is taken: its size, and how many fields it may have."""

_LEAD_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Parts:
    """One set for each app."""

    settings: Settings
    pool: Pool
    board: TaskBoard
    guard: Guard
    queue: EngineQueue
    metrics: Metrics
    live: Live
    shared: Shared
    desk: OpenDesk
    replaying: asyncio.Lock
    """Held while leads are replayed."""
    exporting: asyncio.Semaphore
    """Held by each event log that is being written."""
    people: People | None
    """Who signs in at the OpenID provider; None: there is none."""


def _parts(request: Request) -> Parts:
    parts = request.app.state.parts
    assert isinstance(parts, Parts)
    return parts


TheParts = Annotated[Parts, Depends(_parts)]


async def _client(
    request: Request,
    _documented: Annotated[object, Security(HTTPBearer(auto_error=False, description="API token or access token"))],
) -> Client:
    client = request.state.client
    assert isinstance(client, Client)
    return client


TheClient = Annotated[Client, Depends(_client)]
"""Who sent the request; `admission.admit` has let them in."""


async def page_visitor(request: Request, parts: TheParts) -> None:
    """Let somebody without a token open a page, at a bounded rate."""
    await parts.guard.page_visitor(request)


def no_such_lead() -> Refusal:
    """404."""
    return Refusal(404, "unknown-lead", "There is no lead of this id.")


def _lead_id(lead_id: Annotated[str, Path(description="As given when the lead was taken.")]) -> str:
    if not _LEAD_ID.fullmatch(lead_id):
        raise no_such_lead()
    return lead_id


LeadId = Annotated[str, Depends(_lead_id)]


async def read_json(request: Request) -> tuple[bytes, object]:
    """The body as sent and as JSON.

    Raises:
        Refusal: 400, no JSON; 408, the body didn't arrive in time; 413, it is larger than the settings allow (the rest
            is not read); 415, another media type or a compressed body.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # A required media type also keeps foreign web pages out: a browser asks before it sends this one.
    if media_type != "application/json":
        raise Refusal(415, None, "Send JSON with the header `Content-Type: application/json`.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refusal(415, None, "Send the body uncompressed.")
    body = await read_body(request, _parts(request).settings.gateway.max_body_bytes)
    return body, parse_json(body)


def parse_json(body: bytes) -> object:
    """A body that was read, as JSON.

    Raises:
        Refusal: 400, it is none.
    """
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, json.JSONDecodeError) else "it is too deep, too large or not UTF-8"
        raise Refusal(400, "invalid-json", f"The body is no valid JSON: {reason}.") from None


class Form(dict[str, list[str]]):
    """The fields of a form, by name."""

    def one(self, name: str) -> str:
        """A field that comes once, without spaces around it; empty if it is missing."""
        return self.get(name, [""])[-1].strip()


async def read_form(request: Request) -> Form:
    """The form that one of our pages sent.

    Raises:
        Refusal: 400, 408, 413 and 415 as `read_json`.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise Refusal(415, None, "Send the form as a browser does.")
    body = await read_body(request, FORM_BYTES)
    try:
        return Form(parse_qs(body.decode(), keep_blank_values=True, max_num_fields=FORM_FIELDS))
    except ValueError:
        raise Refusal(400, None, "The form can't be read.") from None


async def read_model(request: Request, model: type[ModelT]) -> ModelT:
    """The body as a model.

    Raises:
        Refusal: as `read_json`; 422, it doesn't have the form.
    """
    _, document = await read_json(request)
    return fitted(document, model)


def fitted(document: object, model: type[ModelT]) -> ModelT:
    """A body that was read, as a model.

    Raises:
        Refusal: 422, it doesn't have the form.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        detail = "The body doesn't have the form that the API describes; see errors."
        raise Refusal(422, "invalid-request", detail, errors=faults(error)) from None


async def read_body(request: Request, limit: int) -> bytes:
    """The body as sent, of `limit` bytes at most.

    Raises:
        Refusal: 400, the connection closed; 408, the body didn't arrive in time; 413, it is larger (the rest is not read).
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read_bounded(request, limit)
    except TimeoutError:
        raise Refusal(408, None, f"The body didn't arrive within {BODY_SECONDS} s.") from None
    except ClientDisconnect:
        raise Refusal(400, None, "The connection closed before the body was complete.") from None


async def _read_bounded(request: Request, limit: int) -> bytes:
    announced = request.headers.get("content-length", "")
    received = bytearray()
    if not announced.isdecimal() or (len(announced) < 18 and int(announced) <= limit):
        async for chunk in request.stream():
            received += chunk
            if len(received) > limit:
                break
        else:
            return bytes(received)
    detail = f"The body is larger than {limit} bytes. Send less at once."
    raise Refusal(413, None, detail, headers={"Connection": "close"})


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
