"""Who may come in, how much, how fast; every refusal a problem detail; the description of the API."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import closing

import httpx
import pytest
from fastapi.openapi.models import OpenAPI
from jsonschema import Draft202012Validator

from tests.unit.gateway.helpers import Board, Client, MakeClient, client_of
from workers.gateway.app import create_app
from workers.gateway.guard import ConfigurationError, check_settings
from workers.runtime.database import Pool, open_pool
from workers.settings import Gateway, Ports, Settings

LEAD = {"source": "web_form"}
TOKEN = "t" * 32
JSON = {"Content-Type": "application/json"}


def assert_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["title"]
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status"),
    [
        ("GET", "/nothing", b"", {}, 404),
        ("GET", "/v1/leads/unknown", b"", {}, 404),
        ("GET", "/v1/leads/%00", b"", {}, 404),
        ("GET", "/v1/leads/" + "x" * 101, b"", {}, 404),
        ("PUT", "/v1/leads", b"", {}, 405),
        ("GET", "/v1/leads?limit=0", b"", {}, 422),
        ("GET", "/v1/leads?state=odd", b"", {}, 422),
        ("GET", "/v1/leads?owner=%00", b"", {}, 422),
        ("GET", "/v1/leads?since=then", b"", {}, 422),
        ("GET", "/v1/leads?since=0", b"", {}, 422),
        ("GET", "/v1/leads?cursor=odd", b"", {}, 422),
        ("GET", "/v1/leads?cursor=W1tdLCBbXV0=", b"", {}, 422),
        ("POST", "/v1/leads", b'{"source": "x"}', {}, 415),
        ("POST", "/v1/leads", b'{"source": "x"}', {"Content-Type": "text/plain"}, 415),
        ("POST", "/v1/leads", b"\x1f\x8b", JSON | {"Content-Encoding": "gzip"}, 415),
        ("POST", "/v1/leads", b"{", JSON, 400),
        ("POST", "/v1/leads", b"", JSON, 400),
        ("POST", "/v1/leads", b"\xff\xfe\xff", JSON, 400),
        ("POST", "/v1/leads", b"[" * 100_000, JSON, 400),
        ("POST", "/v1/leads", b"9" * 5_000, JSON, 400),
        ("POST", "/v1/leads", b'{"source": "x", "employees": NaN}', JSON, 400),
        ("POST", "/v1/leads", b"[]", JSON, 422),
        ("POST", "/v1/leads", b"null", JSON, 422),
        ("POST", "/v1/leads", b'{"leads": 1}', JSON, 422),
        ("POST", "/v1/leads", b'{"source": "x"}', JSON | {"Idempotency-Key": "with space"}, 422),
        ("POST", "/v1/leads/unknown/withdraw", b'{"why": "x"}', JSON, 404),
        ("POST", "/v1/leads/unknown/withdraw", b'{"why": ""}', JSON, 422),
        ("POST", "/v1/leads/unknown/outcome", b'{"converted": 1}', JSON, 422),
        ("POST", "/v1/leads/unknown/outcome", b'{"converted": true, "at": "2026-01-01T00:00:00"}', JSON, 422),
        ("POST", "/v1/leads/unknown/outcome", b'{"converted": true, "at": 1772355600}', JSON, 422),
        ("POST", "/v1/leads/unknown/outcome", b'{"converted": true, "at": "9999-12-31T23:59:59-12:00"}', JSON, 422),
        ("POST", "/v1/leads/unknown/outcome", b'{"converted": true}', JSON, 404),
    ],
)
async def test_every_refusal_is_a_problem_detail(
    client: Client, method: str, path: str, content: bytes, headers: dict[str, str], status: int
) -> None:
    assert_problem(await client.request(method, path, content=content, headers=headers), status)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/v1/leads", "GET, POST"), ("/v1/quotas/adjustments", "POST"), ("/v1/leads/x/withdraw", "POST")],
)
async def test_all_methods_that_an_address_takes_are_named(client: Client, path: str, allowed: str) -> None:
    answer = await client.delete(path)
    assert_problem(answer, 405)
    assert answer.headers["Allow"] == allowed


async def test_a_token_is_asked_for(make_client: MakeClient) -> None:
    client = await make_client(api_tokens=["other-token-of-16", TOKEN])
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        for method, path in (("POST", "/v1/leads"), ("GET", "/v1/leads"), ("GET", "/v1/leads/x"), ("GET", "/metrics")):
            answer = await client.request(method, path, headers=headers)
            assert_problem(answer, 401)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert (await client.post("/v1/leads", json=LEAD, headers=headers)).status_code == 202
    assert (await client.get("/healthz")).status_code == 200
    assert "engine" in (await client.get("/readyz")).json()


async def test_guessing_tokens_is_slowed_down(make_client: MakeClient) -> None:
    client = await make_client(api_tokens=[TOKEN])
    answers = [await client.get("/v1/leads", headers={"Authorization": f"Bearer {i}"}) for i in range(21)]
    assert [answer.status_code for answer in answers] == [401] * 20 + [429]
    assert int(answers[-1].headers["Retry-After"]) >= 1


async def test_without_tokens_a_page_that_renamed_this_machine_stays_outside(client: Client) -> None:
    assert_problem(await client.get("/v1/leads", headers={"Host": "evil.example"}), 421)


def test_without_a_token_only_loopback() -> None:
    for host in ("127.0.0.1", "localhost", "::1", "127.8.9.1"):
        check_settings(Settings(), host)
    for host in ("0.0.0.0", "192.0.2.1", "::", "example.com", ""):
        with pytest.raises(ConfigurationError, match="API_TOKENS"):
            check_settings(Settings(), host)
    check_settings(Settings(gateway=Gateway.model_validate({"api_tokens": [TOKEN]})), "0.0.0.0")
    with pytest.raises(ConfigurationError, match="16 characters"):
        check_settings(Settings(gateway=Gateway.model_validate({"api_tokens": ["short"]})), "127.0.0.1")


async def test_a_large_body_is_refused_before_it_is_read(make_client: MakeClient) -> None:
    client = await make_client(max_body_bytes=1_000)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 500
            yield b" " * 500

    assert_problem(await client.post("/v1/leads", content=endless(), headers=JSON), 413)
    assert sent < 5_000
    assert_problem(await client.post("/v1/leads", content=b" " * 1_001, headers=JSON), 413)
    assert_problem(await client.post("/v1/leads/x/withdraw", content=b" " * 1_001, headers=JSON), 413)


async def test_a_burst_is_told_to_wait(make_client: MakeClient, pool: Pool) -> None:
    client = await make_client(rate_per_second=1, max_batch=15)
    assert (await client.post("/v1/leads", json=[LEAD] * 15)).status_code == 202
    answer = await client.post("/v1/leads", json=LEAD)
    assert_problem(answer, 429)
    assert 1 <= int(answer.headers["Retry-After"]) <= 15
    async with pool.connection() as connection:
        found = await (await connection.execute("SELECT count(*) AS n FROM routing.leads")).fetchone()
    assert found == {"n": 15}


async def test_each_token_has_its_own_rate(make_client: MakeClient) -> None:
    client = await make_client(rate_per_second=1, max_batch=10, api_tokens=["a" * 16, "b" * 16])
    for token in ("a" * 16, "b" * 16):
        headers = {"Authorization": f"Bearer {token}"}
        assert (await client.post("/v1/leads", json=[LEAD] * 10, headers=headers)).status_code == 202
        assert (await client.post("/v1/leads", json=LEAD, headers=headers)).status_code == 429


async def test_no_lead_comes_in_while_the_engine_is_far_behind(
    make_client: MakeClient, pool: Pool, board: Board
) -> None:
    client = await make_client(max_waiting=3)
    key = {"Idempotency-Key": "k"}
    first = await client.post("/v1/leads", json=[LEAD] * 3, headers=key)
    assert first.status_code == 202
    later = await make_client(max_waiting=3)  # its view of the queue is fresh
    answer = await later.post("/v1/leads", json=LEAD)
    assert_problem(answer, 503)
    assert int(answer.headers["Retry-After"]) >= 1
    assert (await later.post("/v1/leads", json=[LEAD] * 3, headers=key)).json() == first.json()
    async with pool.connection() as connection:
        await connection.execute("DELETE FROM runtime.outbox WHERE id = (SELECT min(id) FROM runtime.outbox)")
        await connection.execute("UPDATE runtime.outbox SET created_at = now() - interval '1 hour'")
    slow = await make_client(max_batch=2)
    assert_problem(await slow.post("/v1/leads", json=LEAD), 503)


async def test_readiness_names_what_is_missing(pool: Pool, board: Board) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as engine:
        port = engine.getsockname()[1]
        ready = await _readyz(pool, board, port)
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
    behind = await _readyz(pool, board, port)
    assert behind.status_code == 200  # the outbox holds the leads until the engine is back
    assert behind.json()["engine"] == {"ok": False, "note": f"nothing answers at 127.0.0.1:{port}"}
    async with pool.connection() as connection:
        await connection.execute(
            """INSERT INTO runtime.outbox (channel, business_id, external_id, payload, created_at)
            VALUES ('zeebe.message', 'x', 'x', '{}', now() - interval '1 hour')"""
        )
    stuck = await _readyz(pool, board, port)
    assert_problem(stuck, 503)
    assert stuck.json()["detail"] == "Not ready: engine, outbox."


async def _readyz(pool: Pool, board: Board, engine_port: int) -> httpx.Response:
    settings = Settings(ports=Ports(zeebe=engine_port))
    async with client_of(create_app(settings, pool, board)) as client:
        return await client.get("/readyz")


async def test_without_the_database_it_says_so(dsn: str, board: Board) -> None:
    pool = await open_pool(dsn, min_size=0)
    await pool.close()
    answer = await _readyz(pool, board, 1)
    assert_problem(answer, 503)
    assert answer.json()["database"]["ok"] is False
    async with client_of(create_app(Settings(), pool, board)) as client:
        assert_problem(await client.post("/v1/leads", json=LEAD), 503)


async def test_metrics_count_requests_and_leads(client: Client) -> None:
    await client.post("/v1/leads", json=[LEAD | {"external_id": "1"}, LEAD | {"external_id": "1"}, {}])
    await client.get("/v1/leads/unknown")
    await client.get("/nowhere")
    text = (await client.get("/metrics")).text
    for line in (
        'fairlead_gateway_requests_total{method="POST",route="/v1/leads",status="202"} 1.0',
        'fairlead_gateway_requests_total{method="GET",route="/v1/leads/{lead_id}",status="404"} 1.0',
        'fairlead_gateway_requests_total{method="GET",route="unmatched",status="404"} 1.0',
        'fairlead_gateway_leads_total{result="accepted"} 1.0',
        'fairlead_gateway_leads_total{result="duplicate"} 1.0',
        'fairlead_gateway_leads_total{result="refused"} 1.0',
        "fairlead_gateway_engine_queue_rows",
        "fairlead_gateway_engine_queue_lag_seconds",
        'fairlead_gateway_request_seconds_count{route="/v1/leads"} 1.0',
    ):
        assert line in text


async def test_the_description_is_valid_openapi(client: Client) -> None:
    described = (await client.get("/openapi.json")).json()
    OpenAPI.model_validate(described)
    assert described["openapi"].startswith("3.1")
    for schema in described["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert set(described["paths"]) >= {"/v1/leads", "/v1/leads/{lead_id}", "/v1/leads/{lead_id}/withdraw", "/readyz"}
    references = set(_references(described))
    assert references <= {f"#/components/schemas/{name}" for name in described["components"]["schemas"]}
    lead = Draft202012Validator({**described, **described["components"]["schemas"]["LeadIn"]})
    assert lead.is_valid({"source": "x", "attributes": {"n": 1}})
    assert not lead.is_valid({"name": "x"})


def _references(part: object) -> list[str]:
    match part:
        case dict():
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [found for value in part.values() for found in _references(value)]
        case list():
            return [found for value in part for found in _references(value)]
    return []
