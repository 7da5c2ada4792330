"""Territories over HTTP: asked for, read, withdrawn; pictures and pages at links that end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.unit.gateway.helpers import Client, MakeClient
from workers.runtime.database import Pool

FACTS = {"changed": 1, "changed_share": 0.5}


async def sql(pool: Pool, query: str, *values: object) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        cursor = await connection.execute(query.encode(), values)
        return await cursor.fetchall() if cursor.description is not None else []


@pytest.fixture
async def north(pool: Pool) -> Pool:
    """See `found`."""
    await found(pool)
    return pool


async def found(pool: Pool) -> None:
    """An organisation with a published version, and an alignment that is open."""
    await sql(pool, "INSERT INTO territories.organisations (id, name) VALUES ('north', 'North'), ('south', 'South')")
    for place, rep in enumerate(("R1", "R2")):
        await sql(pool, "INSERT INTO territories.reps (organisation, rep, place) VALUES ('north', %s, %s)", rep, place)
    await sql(
        pool,
        "INSERT INTO territories.alignments (alignment_id, organisation, reason, asked_by, state, plan_version, opened_at)"
        " VALUES ('a', 'north', 'yearly', 'olga', 'published', 'plan', %s), ('b', 'south', 'by_hand', 'ana', 'open',"
        " NULL, %s)",
        datetime(2026, 1, 5, tzinfo=UTC),
        datetime(2026, 1, 6, tzinfo=UTC),
    )
    card = Jsonb({"score": 1.0, "gap": 0.0, "kpis": {"changed_hands": 1}})
    await sql(
        pool,
        "INSERT INTO territories.plans (version, name, card, content, sha256) VALUES ('plan', 'north', %s, '', '')",
        card,
    )
    await sql(pool, "INSERT INTO territories.scenarios VALUES ('a', 1, 'plan', 'Proposed')")
    await sql(pool, "INSERT INTO territories.pictures VALUES ('plan', 'PNG')")
    await sql(pool, "INSERT INTO territories.progress VALUES ('b', 'search', 1.25, NULL, 3.5)")
    await sql(
        pool,
        "INSERT INTO territories.plan_accounts (version, place, account, rep, owner, potential, workload, km, region,"
        " key_account, why) VALUES ('plan', 0, 'A1', 'R1', 'R1', 5, 1, 1, 'x', false, ''),"
        " ('plan', 1, 'A2', 'R1', 'R2', 7, 1, 1, 'x', true, '<b>nearer</b>')",
    )
    await sql(
        pool,
        "INSERT INTO territories.publications (version, alignment_id, release, organisation, plan_version, effective_from,"
        " facts) VALUES ('a.1', 'a', 1, 'north', 'plan', '2027-01-01', %s)",
        Jsonb(FACTS),
    )
    await sql(pool, "INSERT INTO territories.approvals VALUES ('a.1', 'approve', 'director', 'dora', '', now())")
    await sql(
        pool,
        "INSERT INTO territories.sendings (change_id, alignment_id, release, version, target, state, asked_at)"
        " VALUES ('a/1/crm', 'a', 1, 'a.1', 'crm', 'delivered', now())",
    )
    await sql(
        pool,
        "INSERT INTO territories.looks VALUES ('a', '1/x/1', 'x', 'plan', 'refuse', 'sam', 'Two are ill.', now())",
    )


async def test_alignments_are_listed_latest_first_with_what_came_of_them(client: Client, north: Pool) -> None:
    found = (await client.get("/v1/alignments")).json()["alignments"]
    assert [one["alignment_id"] for one in found] == ["b", "a"]
    assert (found[0]["progress"], found[0]["version"]) == ("search, 1.3 s: score none yet, bound 3.500", None)
    assert (found[1]["version"], found[1]["in_use"], found[1]["progress"]) == ("a.1", ["crm"], None)
    only = (await client.get("/v1/alignments", params={"organisation": "north", "state": "published"})).json()
    assert [one["alignment_id"] for one in only["alignments"]] == ["a"]
    story = (await client.get("/v1/alignments/a")).json()
    assert [one["label"] for one in story["scenarios"]] == ["Proposed"]
    assert [(one["region"], one["answer"], one["note"]) for one in story["looks"]] == [("x", "refuse", "Two are ill.")]
    assert (await client.get("/v1/alignments/none")).status_code == 404


async def test_an_alignment_is_asked_for_once_and_withdrawn_while_it_is_open(client: Client, north: Pool) -> None:
    key = {"Idempotency-Key": "42"}
    given = {"organisation": "north", "reason": "rep_left", "leaving": ["R1"], "effective_from": "2027-01-01"}
    first, again = [await client.post("/v1/alignments", json=given, headers=key) for _ in range(2)]
    assert (first.status_code, again.json()) == (202, first.json())
    alignment_id = first.json()["alignment_id"]
    (row,) = await sql(north, "SELECT payload FROM runtime.outbox")
    told = row["payload"]["variables"]
    assert (told["leaving"], told["joining"], told["effective_from"]) == ("R1", "", "2027-01-01")
    for status in ("withdrawal asked", "withdrawal asked before"):
        answer = await client.post(f"/v1/alignments/{alignment_id}/withdraw", json={"why": "wrong data"})
        assert (answer.status_code, answer.json()["status"]) == (202, status)
    done = await client.post("/v1/alignments/a/withdraw", json={"why": "late"})
    assert (done.status_code, done.json()["state"]) == (409, "published")
    assert (await client.post("/v1/alignments/none/withdraw", json={"why": "late"})).status_code == 404


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ({"organisation": "nowhere"}, 404, "no organisation nowhere"),
        ({"organisation": "north", "reason": "rep_left"}, 422, "Say who it is"),
        ({"organisation": "north", "reason": "rep_joined", "leaving": ["R1"]}, 422, "Say who it is"),
        ({"organisation": "north", "reason": "rep_left", "leaving": ["R9"]}, 404, "no rep R9"),
        ({"organisation": "north", "reason": "rep_left", "leaving": ["R 9"]}, 422, "form"),
        ({"organisation": "south"}, 409, "The alignment b is under way."),
    ],
)
async def test_what_cannot_be_asked_for_says_why(
    client: Client, north: Pool, given: dict[str, object], status: int, said: str
) -> None:
    answer = await client.post("/v1/alignments", json=given)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.json()
    assert await sql(north, "SELECT FROM runtime.outbox") == []


async def test_a_version_shows_its_accounts_in_pages(client: Client, north: Pool) -> None:
    (listed,) = (await client.get("/v1/territories", params={"organisation": "north"})).json()["versions"]
    assert (listed["version"], listed["effective_from"], listed["facts"]) == ("a.1", "2027-01-01", FACTS)
    assert (listed["approval"]["decided_by"], [one["target"] for one in listed["targets"]]) == ("dora", ["crm"])
    first = (await client.get("/v1/territories/a.1", params={"limit": 1})).json()
    assert ([one["account"] for one in first["accounts"]], first["next_cursor"]) == (["A1"], "A1")
    rest = (await client.get("/v1/territories/a.1", params={"cursor": "A1"})).json()
    assert [(one["account"], one["former"], one["rep"]) for one in rest["accounts"]] == [("A2", "R2", "R1")]
    assert rest["next_cursor"] is None
    for params in ({"changed": True}, {"rep": "R2"}):
        some = (await client.get("/v1/territories/a.1", params=params)).json()
        assert [one["account"] for one in some["accounts"]] == ["A2"]
    assert (await client.get("/v1/territories/none")).status_code == 404


async def test_a_picture_and_a_page_open_by_their_links(make_client: MakeClient, north: Pool) -> None:
    client = await make_client(api_tokens=["a token that nobody guesses"])
    authorised = {"Authorization": "Bearer a token that nobody guesses"}
    link = (await client.get("/v1/territories/a.1", headers=authorised)).json()["picture"]
    shown = await client.get(link)
    assert (shown.status_code, shown.content, shown.headers["content-type"]) == (200, b"PNG", "image/png")
    assert (await client.get(f"{link}0")).status_code == 403
    assert (await client.get("/territories/plan/picture")).status_code == 401
    page = await client.get("/territories/a.1", headers=authorised)
    assert "&lt;b&gt;nearer&lt;/b&gt;" in page.text
    assert 'src="/territories/plan/picture?' in page.text
    assert (await client.get("/territories/none", headers=authorised)).status_code == 404
    assert (await client.get("/territories/none/picture", headers=authorised)).status_code == 404
