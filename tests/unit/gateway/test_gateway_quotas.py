"""Quotas over HTTP: asked for, adjusted, read, withdrawn; letters at links that end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from tests.unit.gateway.helpers import MakeClient
from workers.office import links
from workers.quota_approval.domain.letters import letter_path
from workers.runtime.database import Pool

TOKEN = "a token that nobody guesses"
AUTHORISED = {"Authorization": f"Bearer {TOKEN}"}
NOW = datetime(2027, 1, 4, tzinfo=UTC)


async def sql(pool: Pool, query: str, *values: object) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        cursor = await connection.execute(query.encode(), values)
        return await cursor.fetchall() if cursor.description is not None else []


async def found(pool: Pool) -> None:
    """An organisation."""
    await sql(
        pool,
        "INSERT INTO quotas.organisations (id, name, currency, timezone, holidays, targets, rules)"
        " VALUES ('field', 'Field', 'EUR', 'UTC', 'US', '{crm,erp}', %s)",
        Jsonb({}),
    )


async def review(pool: Pool, quota_id: str, state: str = "open") -> None:
    await sql(
        pool,
        "INSERT INTO quotas.reviews (quota_id, organisation, period, reason, asked_by, state, opened_at)"
        " VALUES (%s, 'field', '2027', 'by_hand', 'olga', %s, %s)",
        *(quota_id, state, NOW),
    )


async def publish(pool: Pool, quota_id: str) -> str:
    """A version as `compose_quotas` stores it, with one letter that was sent."""
    version = f"{quota_id}.1"
    await review(pool, quota_id, "published")
    await sql(
        pool,
        "INSERT INTO quotas.publications (version, quota_id, release, organisation, period, plan_version, currency,"
        " valid_from, valid_until) VALUES (%s, %s, 1, 'field', '2027', 'field-2027-1', 'EUR', %s, %s)",
        *(version, quota_id, date(2027, 1, 1), date(2027, 12, 31)),
    )
    await sql(
        pool,
        "INSERT INTO quotas.published (version, place, node, name, parent, level, quota, odds)"
        " VALUES (%s, 0, 'a1', 'Ana', 'A', 'rep', 5700000, 0.57)",
        version,
    )
    await sql(
        pool,
        "INSERT INTO quotas.letters (version, node, address, pdf, printed_at, sent_at)"
        " VALUES (%s, 'a1', 'ana@example.com', %s, %s, %s)",
        *(version, b"%PDF-1", NOW, NOW),
    )
    return version


async def test_quotas_are_asked_for_once(make_client: MakeClient, pool: Pool) -> None:
    client = await make_client(api_tokens=[TOKEN])
    wanted = {"organisation": "field", "period": "2027"}
    assert (await client.post("/v1/quotas", json=wanted)).status_code == 401
    assert (await client.post("/v1/quotas", json=wanted, headers=AUTHORISED)).status_code == 404
    await found(pool)
    key = AUTHORISED | {"Idempotency-Key": "one"}
    first, again = [await client.post("/v1/quotas", json=wanted, headers=key) for _ in range(2)]
    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    assert first.json()["status"] == "asked"
    (row,) = await sql(pool, "SELECT payload FROM runtime.outbox WHERE channel = 'zeebe.message'")
    assert row["payload"]["name"] == "quota_requested"
    assert row["payload"]["variables"]["period"] == "2027"
    await review(pool, first.json()["quota_id"])
    refused = await client.post("/v1/quotas", json=wanted, headers=AUTHORISED)
    assert (refused.status_code, refused.json()["quota_id"]) == (409, first.json()["quota_id"])
    assert (await client.post("/v1/quotas", json=wanted | {"target": 1}, headers=AUTHORISED)).status_code == 422


async def test_an_adjustment_names_who_is_concerned(make_client: MakeClient, pool: Pool) -> None:
    client = await make_client(api_tokens=[TOKEN])
    await found(pool)
    wanted = {"organisation": "field", "period": "2027", "concerned": ["a1"], "change_percent": 20}
    assert (await client.post("/v1/quotas/adjustments", json=wanted, headers=AUTHORISED)).status_code == 202
    (row,) = await sql(pool, "SELECT payload FROM runtime.outbox WHERE channel = 'zeebe.message'")
    assert row["payload"]["name"] == "quota_adjustment_requested"
    assert row["payload"]["variables"]["concerned"] == ["a1"]
    nobody = await client.post("/v1/quotas/adjustments", json=wanted | {"concerned": []}, headers=AUTHORISED)
    assert nobody.status_code == 422


async def test_reviews_versions_and_withdrawals(make_client: MakeClient, pool: Pool) -> None:
    client = await make_client(api_tokens=[TOKEN])
    await found(pool)
    version = await publish(pool, "field-1")
    await review(pool, "field-2")
    listed = (await client.get("/v1/quotas", headers=AUTHORISED)).json()["reviews"]
    assert {one["quota_id"]: (one["state"], one["version"]) for one in listed} == {
        "field-1": ("published", version),
        "field-2": ("open", None),
    }
    one = (await client.get("/v1/quotas/field-2", headers=AUTHORISED)).json()
    assert (one["quotas"], one["trail"], one["trail_broken_at"]) == ([], [], None)
    assert (await client.get("/v1/quotas/none", headers=AUTHORISED)).status_code == 404
    (kept,) = (await client.get("/v1/quota-versions", headers=AUTHORISED)).json()["versions"]
    assert (kept["version"], kept["valid_from"], kept["valid_until"]) == (version, "2027-01-01", "2027-12-31")
    (quota,) = (await client.get(f"/v1/quota-versions/{version}", headers=AUTHORISED)).json()["quotas"]
    assert (quota["node"], quota["quota"]) == ("a1", 5_700_000)
    assert (await client.get("/v1/quota-versions/none", headers=AUTHORISED)).status_code == 404

    why = {"why": "not needed"}
    asked = [(await client.post("/v1/quotas/field-2/withdraw", json=why, headers=AUTHORISED)).json() for _ in range(2)]
    assert [one["status"] for one in asked] == ["withdrawal asked", "withdrawal asked before"]
    ended = await client.post("/v1/quotas/field-1/withdraw", json=why, headers=AUTHORISED)
    assert (ended.status_code, ended.json()["state"]) == (409, "published")
    assert (await client.post("/v1/quotas/none/withdraw", json=why, headers=AUTHORISED)).status_code == 404


async def test_nobody_can_approve_a_quota_over_http(make_client: MakeClient) -> None:
    client = await make_client(api_tokens=[TOKEN])
    paths = (await client.get("/openapi.json", headers=AUTHORISED)).json()["paths"]
    writing = {path for path, methods in paths.items() if "quota" in path and methods.keys() - {"get"}}
    assert writing == {"/v1/quotas", "/v1/quotas/adjustments", "/v1/quotas/{quota_id}/withdraw"}


async def test_a_letter_opens_by_its_link_only_and_not_when_it_is_void(make_client: MakeClient, pool: Pool) -> None:
    client = await make_client(api_tokens=[TOKEN], link_secret="of this test alone, and so long enough")
    await found(pool)
    version = await publish(pool, "field-1")
    path, secret = letter_path(version, "a1"), b"of this test alone, and so long enough"
    until = datetime.now(UTC) + timedelta(hours=1)
    link = links.signed("", path, secret, until)
    letter = await client.get(link)
    assert (letter.status_code, letter.content, letter.headers["Content-Type"]) == (200, b"%PDF-1", "application/pdf")
    assert (await client.get(link.replace("/a1.pdf", "/a2.pdf"))).status_code == 403
    assert (await client.get(links.signed("", path, secret, until - timedelta(hours=2)))).status_code == 403
    assert (await client.get(path, headers=AUTHORISED)).status_code == 422
    await sql(pool, "UPDATE quotas.letters SET void_at = sent_at")
    assert (await client.get(link)).status_code == 404
