"""`POST /v1/leads`: one, a batch, the same twice, bad ones among good ones."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.gateway.helpers import Client, MakeClient
from workers.runtime.database import Pool

README = Path(__file__).parents[3] / "README.md"
LEAD = {"source": "web_form", "external_id": "7", "name": "Ana Ruiz", "email": "ana@example.com"}


async def rows(pool: Pool, query: str, *values: object) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        return await (await connection.execute(query.encode(), values)).fetchall()


async def test_a_lead_its_message_and_its_timeline_are_stored_together(client: Client, pool: Pool) -> None:
    answer = await client.post("/v1/leads", json=LEAD)
    assert answer.status_code == 202
    lead_id = answer.json()["lead_id"]
    assert answer.json() == {"lead_id": lead_id, "external_id": "7", "duplicate": False}
    [lead] = await rows(pool, "SELECT * FROM routing.leads")
    assert (lead["lead_id"], lead["raw"], lead["state"]) == (lead_id, LEAD, "received")
    [message] = await rows(pool, "SELECT * FROM runtime.outbox")
    assert (message["channel"], message["business_id"]) == ("zeebe.message", lead_id)
    assert message["external_id"] == f"lead_received:{lead_id}"
    received_at = lead["received_at"].isoformat().replace("+00:00", "Z")
    assert message["payload"] == {
        "name": "lead_received",
        "correlation_key": lead_id,
        "variables": {"lead_id": lead_id, "received_at": received_at},
        "ttl_seconds": 3600,
    }
    [entry] = await rows(pool, "SELECT * FROM runtime.timeline")
    assert (entry["business_id"], entry["action"], entry["why"]) == (lead_id, "received", "sent by web_form")


async def test_the_lead_of_the_readme_is_taken(client: Client) -> None:
    shown = re.search(r"/v1/leads -H '(.*?): (.*?)' -d '(.*?)'", README.read_text(), re.DOTALL)
    assert shown is not None
    header, value, body = shown.groups()
    answer = await client.post("/v1/leads", content=body, headers={header: value})
    assert (answer.status_code, answer.json()["external_id"]) == (202, "my-first")


async def test_the_same_lead_twice_is_one_lead_started_once(client: Client, pool: Pool) -> None:
    first = (await client.post("/v1/leads", json=LEAD)).json()
    again = (await client.post("/v1/leads", json=LEAD | {"name": "Somebody else"})).json()
    assert again == first | {"duplicate": True}
    batch = (
        await client.post("/v1/leads", json=[LEAD, LEAD | {"external_id": "8"}, LEAD | {"external_id": "8"}])
    ).json()
    assert (batch["accepted"], batch["duplicates"]) == (3, 2)
    assert batch["results"][1]["lead_id"] == batch["results"][2]["lead_id"] != first["lead_id"]
    assert len(await rows(pool, "SELECT 1 FROM runtime.outbox")) == 2


async def test_leads_without_an_external_id_are_all_different(client: Client, pool: Pool) -> None:
    lead = {"source": "trade_show", "email": "x@example.com"}
    batch = (await client.post("/v1/leads", json=[lead, lead])).json()
    assert batch["duplicates"] == 0
    assert len({item["lead_id"] for item in batch["results"]}) == 2


async def test_the_same_lead_from_many_at_once_is_started_once(client: Client, pool: Pool) -> None:
    batches = [[LEAD | {"external_id": str(i)} for i in order] for order in (range(20), range(19, -1, -1))] * 5
    answers = await asyncio.gather(*(client.post("/v1/leads", json=batch) for batch in batches))
    assert {answer.status_code for answer in answers} == {202}
    assert sum(answer.json()["duplicates"] for answer in answers) == 9 * 20
    assert len(await rows(pool, "SELECT 1 FROM runtime.outbox")) == 20
    ids = [{item["external_id"]: item["lead_id"] for item in answer.json()["results"]} for answer in answers]
    assert all(each == ids[0] for each in ids)


async def test_a_bad_record_gets_its_own_problem_and_spoils_nothing(client: Client, pool: Pool) -> None:
    bad = {"external_id": "b", "name": 3, "emial": "x", "attributes": {"a": {"deep": 1}}}
    answer = await client.post("/v1/leads", json={"leads": [LEAD, bad, "no lead", LEAD | {"external_id": "9"}]})
    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], body["duplicates"], body["refused"]) == (2, 0, 2)
    assert [item.get("external_id") for item in body["results"]] == ["7", "b", None, "9"]
    problem = body["results"][1]["problem"]
    assert (problem["type"], problem["status"]) == ("urn:problem-type:fairlead:invalid-lead", 422)
    assert {item["pointer"] for item in problem["errors"]} == {"#/source", "#/name", "#/emial", "#/attributes/a"}
    assert body["results"][2]["problem"]["errors"] == [{"pointer": "#", "detail": "must be an object"}]
    assert len(await rows(pool, "SELECT 1 FROM routing.leads")) == 2


@pytest.mark.parametrize("mendable", [{}, {"email": "not an address"}, {"phone": "?"}, {"country": "Atlantis"}])
async def test_what_a_person_can_mend_is_taken(client: Client, mendable: dict[str, str]) -> None:
    assert (await client.post("/v1/leads", json={"source": "web_form", **mendable})).status_code == 202


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"source": " "}, "#/source"),
        ({"employees": -1}, "#/employees"),
        ({"employees": "5"}, "#/employees"),
        ({"annual_revenue_eur": True}, "#/annual_revenue_eur"),
        ({"name": "x" * 301}, "#/name"),
        ({"name": "a\x00b"}, "#/name"),
        ({"name": "\ud800"}, "#/name"),
        ({"attributes": {str(i): i for i in range(101)}}, "#/attributes"),
        ({"attributes": {"a/b": 2**70}}, "#/attributes/a~1b"),
        ({"attributes": {"k\x00": 1}}, "#/attributes/k\x00"),
    ],
)
async def test_a_lead_of_the_wrong_shape_is_refused(client: Client, wrong: dict[str, object], pointer: str) -> None:
    body = json.dumps(LEAD | wrong)  # escapes what httpx would refuse to send
    answer = await client.post("/v1/leads", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert [item["pointer"] for item in answer.json()["errors"]] == [pointer]


async def test_a_batch_of_bad_records_only_is_refused_with_all_of_them(client: Client) -> None:
    answer = await client.post("/v1/leads", json=[{}, {"source": 1}])
    assert answer.status_code == 422
    assert [item["index"] for item in answer.json()["results"]] == [0, 1]


async def test_a_batch_may_be_large_but_not_larger(client: Client) -> None:
    too_many = await client.post("/v1/leads", json=[{"source": "x"}] * 1001)
    assert (too_many.status_code, too_many.json()["type"]) == (413, "urn:problem-type:fairlead:batch-too-large")


async def test_a_thousand_leads_are_taken_at_once(client: Client, pool: Pool) -> None:
    batch = [LEAD | {"external_id": f"{i}", "attributes": {"n": i}} for i in range(1000)]
    answer = await client.post("/v1/leads", json=batch, headers={"Idempotency-Key": "big"})
    assert answer.json()["accepted"] == 1000
    assert len(await rows(pool, "SELECT 1 FROM runtime.outbox")) == 1000


async def test_the_same_key_gives_the_same_answer(client: Client, pool: Pool) -> None:
    lead = {"source": "web_form", "email": "x@example.com"}
    first = await client.post("/v1/leads", json=lead, headers={"Idempotency-Key": "k"})
    again = await client.post("/v1/leads", json=lead, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await client.post("/v1/leads", json=lead | {"name": "Y"}, headers={"Idempotency-Key": "k"})
    assert (other.status_code, other.json()["type"]) == (422, "urn:problem-type:fairlead:idempotency-key-reused")
    assert len(await rows(pool, "SELECT 1 FROM routing.leads")) == 1


async def test_the_same_key_at_once_is_done_once(client: Client, pool: Pool) -> None:
    lead = {"source": "web_form", "email": "x@example.com"}
    answers = await asyncio.gather(
        *(client.post("/v1/leads", json=lead, headers={"Idempotency-Key": "k"}) for _ in range(15))
    )
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 14
    assert len(await rows(pool, "SELECT 1 FROM runtime.outbox")) == 1


async def test_a_key_held_too_long_is_a_conflict(client: Client, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.gateway.idempotency.WAIT_SECONDS", 0.2)
    lead = {"source": "web_form"}
    await client.post("/v1/leads", json=lead, headers={"Idempotency-Key": "k"})
    [held] = await rows(pool, "SELECT key, digest FROM routing.idempotency")
    async with pool.connection() as other, other.transaction(force_rollback=True):
        await other.execute("DELETE FROM routing.idempotency")
        await other.execute(
            "INSERT INTO routing.idempotency (key, digest) VALUES (%s, %s)", (held["key"], held["digest"])
        )
        answer = await client.post("/v1/leads", json=lead, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:problem-type:fairlead:request-under-way")
    assert int(answer.headers["Retry-After"]) >= 1


async def test_keys_are_per_token_and_expire(make_client: MakeClient, pool: Pool) -> None:
    client = await make_client(api_tokens=["a" * 16, "b" * 16])
    lead = {"source": "web_form"}
    ids = []
    for token in ("a" * 16, "b" * 16, "a" * 16):
        headers = {"Idempotency-Key": "k", "Authorization": f"Bearer {token}"}
        ids.append((await client.post("/v1/leads", json=lead, headers=headers)).json()["lead_id"])
    assert ids[0] == ids[2] != ids[1]
    async with pool.connection() as connection:
        await connection.execute("UPDATE routing.idempotency SET created_at = now() - interval '25 hours'")
    headers = {"Idempotency-Key": "k", "Authorization": f"Bearer {'a' * 16}"}
    assert (await client.post("/v1/leads", json=lead, headers=headers)).json()["lead_id"] != ids[0]


async def test_nothing_is_kept_of_a_request_that_fails(client: Client, pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute("ALTER TABLE runtime.outbox RENAME TO outbox_away")
    headers = {"Idempotency-Key": "k"}
    assert (await client.post("/v1/leads", json=LEAD, headers=headers)).status_code == 500
    async with pool.connection() as connection:
        await connection.execute("ALTER TABLE runtime.outbox_away RENAME TO outbox")
    assert await rows(pool, "SELECT 1 FROM routing.leads UNION ALL SELECT 1 FROM routing.idempotency") == []
    assert (await client.post("/v1/leads", json=LEAD, headers=headers)).status_code == 202
