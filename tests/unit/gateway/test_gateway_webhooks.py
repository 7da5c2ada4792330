"""`POST /v1/webhooks/…`: what is signed is taken once; what is forged, stale, too large or unknown is refused."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.unit.gateway.helpers import Board, Client, client_of
from workers.connectors import webhooks
from workers.connectors.hubspot.events import CHANNEL
from workers.gateway.app import create_app
from workers.gateway.guard import ConfigurationError, check_settings
from workers.runtime.database import Pool
from workers.runtime.masking import secrets_of
from workers.settings import Gateway, HubSpot, Regions, Settings, Webhooks

APP_SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CREATED = {
    "eventId": 1,
    "subscriptionId": 33,
    "portalId": 7,
    "appId": 5,
    "occurredAt": 1_700_000_000_000,
    "subscriptionType": "contact.creation",
    "attemptNumber": 0,
    "objectId": 101,
    "changeSource": "CRM_UI",
    "changeFlag": "NEW",
}
LEAD = {
    "type": "lead.created",
    "timestamp": "2026-03-01T00:00:00Z",
    "data": {"email": "ana@example.com", "name": "Ana"},
}


def configured(**webhook_settings: Any) -> Settings:
    return Settings(
        gateway=Gateway(rate_per_second=10_000, public_url="https://sales.example.com/fairlead"),
        webhooks=Webhooks(secrets={"partner": [SecretStr(WHSEC)]}, **webhook_settings),
        hubspot=HubSpot(access_token=SecretStr("pat"), client_secret=SecretStr(APP_SECRET)),
        regions=Regions(here="alps", countries={"north": ["DE"]}, otherwise="alps"),
    )


@pytest.fixture
async def door(pool: Pool) -> Any:
    async with client_of(create_app(configured(max_body_bytes=50_000), pool, Board())) as client:
        yield client


async def hubspot(
    client: Client, events: Any, *, query: str = "", at: float | None = None, secret: str = APP_SECRET
) -> httpx.Response:
    body = events if isinstance(events, bytes) else json.dumps(events).encode()
    uri = f"https://sales.example.com/fairlead/v1/webhooks/hubspot{query}"
    timestamp = str(int((time.time() if at is None else at) * 1_000))
    headers = {
        "X-HubSpot-Request-Timestamp": timestamp,
        "X-HubSpot-Signature-v3": webhooks.hubspot_signature(secret, "POST", uri, body, timestamp),
    }
    return await client.post(f"/v1/webhooks/hubspot{query}", content=body, headers=headers)


async def partner(
    client: Client, message: Any, *, message_id: str = "msg_1", source: str = "partner"
) -> httpx.Response:
    body = json.dumps(message).encode()
    headers = webhooks.standard_headers([WHSEC], message_id, body, at=int(time.time()))
    return await client.post(f"/v1/webhooks/{source}", content=body, headers=headers)


async def rows(pool: Pool, query: str) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        return await (await connection.execute(query.encode())).fetchall()


def refused(answer: httpx.Response, status: int, kind: str | None = None) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if kind is not None:
        assert answer.json()["type"] == f"urn:problem-type:fairlead:{kind}"


async def test_a_new_contact_is_read_and_taken_once_however_often_it_is_told(door: Client, pool: Pool) -> None:
    other = CREATED | {"eventId": 2, "objectId": 102, "subscriptionType": "object.creation", "objectTypeId": "0-1"}
    changed = CREATED | {"eventId": 3, "subscriptionType": "contact.propertyChange", "propertyName": "phone"}
    answer = await hubspot(door, [CREATED, other, changed], query="?to=a%40b")
    assert (answer.status_code, answer.json()) == (202, {"started": 3, "duplicates": 0, "ignored": 0})
    again = await hubspot(door, [CREATED | {"attemptNumber": 1}, other])
    assert again.json() == {"started": 0, "duplicates": 2, "ignored": 0}
    twice = await hubspot(door, [CREATED | {"subscriptionId": 34}])  # two subscriptions for the same thing
    assert twice.json() == {"started": 0, "duplicates": 0, "ignored": 0}
    waiting = await rows(pool, "SELECT channel, business_id, payload FROM runtime.outbox ORDER BY id")
    assert [(row["channel"], row["payload"]) for row in waiting] == [
        (CHANNEL, {"contact_id": "101"}),
        (CHANNEL, {"contact_id": "102"}),
        (CHANNEL, {"contact_id": "101", "changed": True}),
    ]


async def test_the_same_events_from_many_requests_at_once_start_once(door: Client, pool: Pool) -> None:
    batch = [CREATED | {"eventId": number, "objectId": number} for number in range(20)]
    answers = await asyncio.gather(*(hubspot(door, batch[::step]) for step in (1, -1) * 4))
    assert {answer.status_code for answer in answers} == {202}
    assert sum(answer.json()["started"] for answer in answers) == 20
    assert len(await rows(pool, "SELECT FROM runtime.outbox")) == 20


async def test_forged_and_stale_requests_leave_nothing(door: Client, pool: Pool) -> None:
    refused(await hubspot(door, [CREATED], secret="guessed"), 401, "webhook-forged")
    refused(await door.post("/v1/webhooks/hubspot", json=[CREATED]), 401, "webhook-forged")
    refused(await hubspot(door, [CREATED], at=time.time() - 301), 401, "webhook-stale")
    refused(await partner(door, LEAD, source="nobody"), 404, "unknown-source")
    refused(await door.post("/v1/webhooks/partner", json=LEAD), 401, "webhook-forged")
    for table in ("runtime.outbox", "runtime.events_seen", "routing.leads"):
        assert await rows(pool, f"SELECT FROM {table}") == []


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"eventId": 1}', b"[]", b"[1]", b'[{"eventId": "1"}]', b"\xff", b"[NaN]"]
)
async def test_signed_nonsense_is_refused(door: Client, pool: Pool, body: bytes) -> None:
    answer = await hubspot(door, body)
    refused(answer, 422 if answer.status_code == 422 else 400)
    assert await rows(pool, "SELECT FROM runtime.events_seen") == []


async def test_too_large_a_body_is_not_read_to_its_end(door: Client) -> None:
    refused(await hubspot(door, b"[" + b" " * 60_000 + b"]"), 413)
    refused(await hubspot(door, [CREATED] * 101), 422, "invalid-request")


async def test_a_source_that_is_not_configured_is_closed(client: Client) -> None:
    refused(await hubspot(client, [CREATED]), 404, "unknown-source")


async def test_a_lead_by_standard_webhooks_starts_once(door: Client, pool: Pool) -> None:
    answers = await asyncio.gather(*(partner(door, LEAD) for _ in range(5)))
    assert sorted(answer.json()["started"] for answer in answers) == [0, 0, 0, 0, 1]
    [lead] = await rows(pool, "SELECT source, external_id, raw FROM routing.leads")
    assert (lead["source"], lead["external_id"]) == ("partner", "msg_1")
    [message] = await rows(pool, "SELECT channel FROM runtime.outbox")
    assert message["channel"] == "zeebe.message"
    other = await partner(door, LEAD | {"type": "lead.deleted"}, message_id="msg_2")
    assert other.json() == {"started": 0, "duplicates": 0, "ignored": 1}


async def test_the_source_is_the_addresss_and_the_external_id_the_senders(door: Client, pool: Pool) -> None:
    lead = {**LEAD, "data": {**LEAD["data"], "source": "somebody_else", "external_id": "their-9"}}  # type: ignore[dict-item]  # it is a mapping
    assert (await partner(door, lead)).json()["started"] == 1
    assert (await partner(door, lead, message_id="msg_2")).json() == {"started": 0, "duplicates": 1, "ignored": 0}
    [found] = await rows(pool, "SELECT source, external_id FROM routing.leads")
    assert (found["source"], found["external_id"]) == ("partner", "their-9")


async def test_a_message_that_was_refused_may_come_again_corrected(door: Client) -> None:
    refused(await partner(door, LEAD | {"data": {"employees": "many"}}), 422, "invalid-lead")
    refused(await partner(door, {"data": {}}), 422, "invalid-request")
    refused(await partner(door, LEAD | {"data": {"email": "ana@example.com", "country": "DE"}}), 422, "other-region")
    assert (await partner(door, LEAD)).json()["started"] == 1


async def test_nothing_is_taken_while_the_engine_is_behind(pool: Pool) -> None:
    behind = configured().model_copy(
        update={"gateway": Gateway(max_waiting=0, public_url="https://sales.example.com/fairlead")}
    )
    async with client_of(create_app(behind, pool, Board())) as client:
        for answer in (await hubspot(client, [CREATED]), await partner(client, LEAD)):
            refused(answer, 503, "engine-behind")
            assert int(answer.headers["retry-after"]) > 0
    assert await rows(pool, "SELECT FROM runtime.events_seen") == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=st.recursive(st.none() | st.integers() | st.text() | st.just("contact.creation"),
                             lambda inner: st.lists(inner, max_size=3)
                             | st.dictionaries(st.sampled_from([*CREATED, "type", "data", "x"]), inner, max_size=8),
                             max_leaves=12))  # fmt: skip
async def test_whatever_is_signed_is_answered(door: Client, document: Any) -> None:
    body = json.dumps(document).encode()
    headers = webhooks.standard_headers([WHSEC], "msg_1", body, at=int(time.time()))
    for answer in (
        await hubspot(door, body),
        await door.post("/v1/webhooks/partner", content=body, headers=headers),
    ):
        assert answer.status_code in {202, 400, 422}, answer.text


def test_a_gateway_with_a_secret_that_is_none_does_not_start() -> None:
    with pytest.raises(ConfigurationError, match="source partner"):
        check_settings(Settings(webhooks=Webhooks(secrets={"partner": [SecretStr("whsec_short")]})), "127.0.0.1")


@pytest.mark.parametrize("source", ["", "Partner", "hubspot", "a/b", "a" * 51])
def test_a_source_has_a_plain_name(source: str) -> None:
    with pytest.raises(ValueError, match="source of webhooks"):
        Webhooks(secrets={source: [SecretStr(WHSEC)]})


def test_webhooks_of_hubspot_need_a_token_to_read_contacts_with() -> None:
    with pytest.raises(ValueError, match="FAIRLEAD_HUBSPOT__ACCESS_TOKEN"):
        HubSpot(client_secret=SecretStr(APP_SECRET))


def test_secrets_of_webhooks_are_masked_in_logs() -> None:
    assert {WHSEC, APP_SECRET, "pat"} <= set(secrets_of(configured()))
