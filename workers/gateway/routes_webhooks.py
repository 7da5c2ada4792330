"""``/v1/webhooks``: other systems tell what happened there. Who sends is known by the signature; no API token is needed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from workers.connectors import webhooks
from workers.connectors.hubspot.events import CHANNEL, MOST, HubSpotEvent
from workers.gateway import events, intake
from workers.gateway.contracts import LeadIn, faults
from workers.gateway.parts import Parts, TheParts, fitted, page_visitor, parse_json, read_body
from workers.gateway.problems import Refusal
from workers.gateway.routes_leads import PROBLEMS, body_of
from workers.runtime import outbox

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], responses=PROBLEMS, dependencies=[Depends(page_visitor)])

LEAD_CREATED = "lead.created"
"""The type of message that brings a lead; others are taken and left alone."""

_EVENTS = TypeAdapter(Annotated[list[HubSpotEvent], Field(min_length=1, max_length=MOST)])
_OBJECT = {"type": "object"}


class Taken(BaseModel):
    """What became of the events of a request."""

    started: int = Field(description="Leads that are taken now.")
    duplicates: int = Field(description="Events that came before; nothing was done.")
    ignored: int = Field(description="Events of a kind that starts nothing.")


class Message(BaseModel):
    """The body of a message by Standard Webhooks."""

    model_config = ConfigDict(extra="ignore")

    type: Annotated[str, Field(strict=True, min_length=1, max_length=200)]
    data: dict[str, Any]  # Any: JSON


@router.post(
    "/hubspot",
    status_code=202,
    openapi_extra=body_of({"type": "array", "items": _OBJECT, "minItems": 1, "maxItems": MOST}),
    summary="Take what HubSpot tells",
)
async def from_hubspot(request: Request, parts: TheParts) -> Taken:
    """Take a request of HubSpot's webhooks, signed by version 3. Each new contact becomes a lead, once."""
    secret = parts.settings.hubspot.client_secret
    if secret is None:
        raise _no_such_source()
    body = await read_body(request, parts.settings.webhooks.max_body_bytes)
    with _trusted():
        webhooks.verify_hubspot(
            [secret.get_secret_value()],
            request.method,
            _address(request, parts),
            body,
            request.headers,
            now=time.time(),
        )
    try:
        told = _EVENTS.validate_python(parse_json(body))
    except ValidationError as error:
        raise Refusal(
            422, "invalid-request", "These are no events of HubSpot; see errors.", errors=faults(error)
        ) from None
    waiting = await parts.queue.waiting()
    async with parts.pool.connection() as connection:
        parts.guard.admit(waiting)
        unseen = await events.first_seen(connection, "hubspot", (event.identity for event in told))
        contacts = {
            event.new_contact: event.portal_id for event in told if event.identity in unseen and event.new_contact
        }
        started = 0
        for contact, portal in sorted(contacts.items()):
            started += await outbox.put(
                connection, CHANNEL, f"hubspot:{contact}", f"{portal}:{contact}", {"contact_id": contact}
            )
    duplicates = sum(event.identity not in unseen for event in told)
    ignored = sum(event.identity in unseen and event.new_contact is None for event in told)
    return Taken(started=started, duplicates=duplicates, ignored=ignored)


@router.post(
    "/{source}",
    status_code=202,
    openapi_extra=body_of({"type": "object", "required": ["type", "data"], "properties": {"data": _OBJECT}}),
    summary="Take a message by Standard Webhooks",
)
async def from_source(
    request: Request, parts: TheParts, source: Annotated[str, Path(description="As named in the settings.")]
) -> Taken:
    """Take a signed message. The `data` of type `lead.created` is a lead; `source` is the address's, whatever it says.

    Without an `external_id` of its own the lead has the message's id.
    """
    secrets = parts.settings.webhooks.secrets.get(source)
    if not secrets:
        raise _no_such_source()
    body = await read_body(request, parts.settings.webhooks.max_body_bytes)
    with _trusted():
        known = [secret.get_secret_value() for secret in secrets]
        message_id = webhooks.verify_standard(known, body, request.headers, now=time.time())
    message = fitted(parse_json(body), Message)
    lead = _lead(message.data, source, message_id) if message.type == LEAD_CREATED else None
    waiting = await parts.queue.waiting()
    async with parts.pool.connection() as connection:
        parts.guard.admit(waiting)
        if not await events.first_seen(connection, source, [message_id]):
            return Taken(started=0, duplicates=1, ignored=0)
        if lead is None:
            return Taken(started=0, duplicates=0, ignored=1)
        ttl = parts.settings.gateway.message_ttl_seconds
        [taken] = await intake.take(connection, [lead], ttl_seconds=ttl)
    parts.metrics.leads.labels("duplicate" if taken.duplicate else "accepted").inc()
    return Taken(started=int(not taken.duplicate), duplicates=int(taken.duplicate), ignored=0)


def _lead(data: Mapping[str, Any], source: str, message_id: str) -> intake.Incoming:
    raw = {"external_id": message_id, **data, "source": source}
    try:
        return intake.Incoming(LeadIn.model_validate(raw), raw)
    except ValidationError as error:
        raise Refusal(422, "invalid-lead", "The lead doesn't have the right form.", errors=faults(error)) from None


def _address(request: Request, parts: Parts) -> str:
    """What the sender called, which a proxy before us may have changed."""
    query: bytes = request.scope["query_string"]
    path: bytes = request.scope["raw_path"]
    return (
        parts.settings.gateway_url
        + path.partition(b"?")[0].decode("latin-1")
        + ("?" if query else "")
        + query.decode("latin-1")
    )


@contextmanager
def _trusted() -> Iterator[None]:
    try:
        yield
    except webhooks.Stale as error:
        raise Refusal(401, "webhook-stale", f"{error} Sign it anew, and set the clock.") from None
    except webhooks.Untrusted as error:
        raise Refusal(401, "webhook-forged", str(error)) from None


def _no_such_source() -> Refusal:
    return Refusal(404, "unknown-source", "No webhooks are expected under this name.")
