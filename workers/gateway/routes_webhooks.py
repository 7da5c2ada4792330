"""``/v1/webhooks``: other systems tell what happened there. Who sends is known by the signature; no API token is needed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from workers.connectors import webhooks
from workers.connectors.hubspot.events import CHANNEL, MOST, HubSpotEvent
from workers.gateway import events, intake, told
from workers.gateway.contracts import faults
from workers.gateway.parts import Parts, TheParts, fitted, page_visitor, parse_json, read_body
from workers.gateway.problems import Refusal
from workers.gateway.routes_leads import PROBLEMS, body_of, misdirected
from workers.runtime import outbox

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], responses=PROBLEMS, dependencies=[Depends(page_visitor)])

_EVENTS = TypeAdapter(Annotated[list[HubSpotEvent], Field(min_length=1, max_length=MOST)])
_OBJECT = {"type": "object"}


class Taken(BaseModel):
    """What became of the events of a request."""

    started: int = Field(description="Leads that are taken now, or told what happened to them.")
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
    """Take a request of HubSpot's webhooks, signed by version 3. Each new contact becomes a lead, once; what happens to it
    later is followed.
    """
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
        happened = _EVENTS.validate_python(parse_json(body))
    except ValidationError as error:
        raise Refusal(
            422, "invalid-request", "These are no events of HubSpot; see errors.", errors=faults(error)
        ) from None
    waiting = await parts.queue.waiting()
    async with parts.pool.connection() as connection:
        parts.guard.admit(waiting)
        unseen = await events.first_seen(connection, "hubspot", (event.identity for event in happened))
        contacts = {
            event.new_contact: event.portal_id for event in happened if event.identity in unseen and event.new_contact
        }
        started = 0
        for contact, portal in sorted(contacts.items()):
            started += await outbox.put(
                connection, CHANNEL, f"hubspot:{contact}", f"{portal}:{contact}", {"contact_id": contact}
            )
        for contact, event in sorted(_changed(event for event in happened if event.identity in unseen).items()):
            payload = {"contact_id": contact, "changed": True}
            told_once = f"{event.identity}:{contact}"
            started += await outbox.put(connection, CHANNEL, f"hubspot:{contact}", told_once, payload)
    duplicates = sum(event.identity not in unseen for event in happened)
    ignored = sum(
        event.identity in unseen and event.new_contact is None and not event.changed_contacts for event in happened
    )
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

    Without an `external_id` of its own the lead has the message's id. `lead.withdrawn` (`external_id`, `why`) and
    `lead.outcome` (`external_id`, `converted`, `at`) speak of a lead that came before; a message that overtook its lead
    is refused with 409, so that it is sent again.
    """
    secrets = parts.settings.webhooks.secrets.get(source)
    if not secrets:
        raise _no_such_source()
    body = await read_body(request, parts.settings.webhooks.max_body_bytes)
    with _trusted():
        known = [secret.get_secret_value() for secret in secrets]
        message_id = webhooks.verify_standard(known, body, request.headers, now=time.time())
    message = fitted(parse_json(body), Message)
    what = told.Told(source, source, message_id, message.type, message.data)
    try:
        told.check_region(what, parts.settings.regions)
    except intake.OfAnotherRegion as error:
        parts.metrics.leads.labels("refused").inc()
        raise misdirected(error) from None
    waiting = await parts.queue.waiting()
    try:
        async with parts.pool.connection() as connection:
            parts.guard.admit(waiting)
            became = await told.take(connection, what, ttl_seconds=parts.settings.gateway.message_ttl_seconds)
    except ValidationError as error:
        raise Refusal(
            422, "invalid-lead", "The data don't have the form of their type.", errors=faults(error)
        ) from None
    except told.TooEarly as error:
        raise Refusal(409, "lead-not-known-yet", str(error)) from None
    if message.type == told.LEAD_CREATED:
        parts.metrics.leads.labels("accepted" if became == "started" else "duplicate").inc()
    return Taken(
        started=int(became in {"started", "noted"}),
        duplicates=int(became == "duplicate"),
        ignored=int(became == "ignored"),
    )


def _changed(happened: Iterable[HubSpotEvent]) -> dict[str, HubSpotEvent]:
    """Contacts that changed, each with the last event that says so: it is read once, whatever changed in it."""
    return {contact: event for event in happened for contact in event.changed_contacts}


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
