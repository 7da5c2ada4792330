"""The simulated account's webhooks."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from itertools import count

import httpx

from tests.simulators.hubspot.records import Account

POLL_SECONDS = 0.1

_events = count(1)


def created(contact_ids: Sequence[str], *, attempt: int = 0) -> bytes:
    """The body of a request that tells of new contacts."""
    events = [
        {"eventId": int(one) * 10, "subscriptionId": 33, "portalId": 7, "appId": 5, "occurredAt": 1_700_000_000_000 + int(one),
         "subscriptionType": "contact.creation", "attemptNumber": attempt, "objectId": int(one), "changeFlag": "CREATED",
         "changeSource": "CRM_UI", "sourceId": "userId:1"}
        for one in contact_ids
    ]  # fmt: skip
    return json.dumps(events).encode()


def changed(contact_ids: Sequence[str], kind: str = "propertyChange", **more: object) -> bytes:
    """The body of a request that tells of changes; each call's events are others."""
    events = [
        {"eventId": next(_events), "subscriptionId": 34, "portalId": 7, "appId": 5, "occurredAt": int(time.time() * 1_000),
         "subscriptionType": f"contact.{kind}", "attemptNumber": 0, "objectId": int(one), "changeSource": "CRM_UI",
         "sourceId": "userId:1", **more}
        for one in contact_ids
    ]  # fmt: skip
    return json.dumps(events).encode()


def signed(secret: str, uri: str, body: bytes) -> dict[str, str]:
    """The headers that it comes with."""
    timestamp = str(int(time.time() * 1_000))
    digest = hmac.new(secret.encode(), b"POST" + uri.encode() + body + timestamp.encode(), hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "X-HubSpot-Request-Timestamp": timestamp,
        "X-HubSpot-Signature-v3": base64.b64encode(digest).decode(),
        "X-HubSpot-Signature-Version": "v3",
    }


async def tell(account: Account, uri: str, secret: str) -> None:
    """Tell of each new contact until it was taken."""
    told = 0
    async with httpx.AsyncClient(timeout=5) as client:
        while True:
            if fresh := account.created_contacts[told : told + 100]:
                body = created(fresh)
                try:
                    taken = (await client.post(uri, content=body, headers=signed(secret, uri, body))).is_success
                except httpx.HTTPError:
                    taken = False
                told += len(fresh) if taken else 0
            await asyncio.sleep(POLL_SECONDS)
