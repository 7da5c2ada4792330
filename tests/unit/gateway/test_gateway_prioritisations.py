"""Rankings over HTTP: asked for, read, withdrawn."""

from __future__ import annotations

import pytest
from psycopg.types.json import Jsonb

from tests.unit.gateway.helpers import Client
from workers.runtime.database import Pool


async def found(pool: Pool) -> None:
    """An organisation."""
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO selling.organisations (id, name, territories) VALUES ('floor', 'F', '{dach}')"
        )


@pytest.fixture
async def floor(pool: Pool) -> Pool:
    """A database with an organisation."""
    await found(pool)
    return pool


async def rank(pool: Pool, name: str, state: str) -> None:
    """A ranking with two opportunities, one of them on a list."""
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO selling.prioritisations (prioritisation_id, organisation, asked_by, state, opened_at)"
            " VALUES (%s, 'floor', 'ana', %s, now())",
            (name, state),
        )
        for opportunity, place in (("a", None), ("b", 1)):
            await connection.execute(
                "INSERT INTO selling.ranked (prioritisation_id, opportunity_id, rep_id, facts, chance, place)"
                " VALUES (%s, %s, 'ana', %s, 0.5, %s)",
                (name, opportunity, Jsonb({"customer": "C", "opportunity": {"name": "N", "amount": 1.5}}), place),
            )


async def test_a_ranking_is_asked_for_by_message(client: Client, floor: Pool) -> None:
    answer = await client.post("/v1/prioritisations", json={"organisation": "floor"})
    assert (answer.status_code, answer.json()["status"]) == (202, "asked")
    async with floor.connection() as connection:
        cursor = await connection.execute("SELECT payload FROM runtime.outbox")
        (row,) = await cursor.fetchall()
    assert row["payload"]["name"] == "prioritisation_requested"
    unknown = await client.post("/v1/prioritisations", json={"organisation": "nobody"})
    assert (unknown.status_code, unknown.json()["type"].rpartition(":")[2]) == (404, "unknown-organisation")


async def test_a_second_one_waits_and_an_open_one_is_withdrawn_once(client: Client, floor: Pool) -> None:
    await rank(floor, "open", "open")
    refused = await client.post("/v1/prioritisations", json={"organisation": "floor"})
    assert (refused.status_code, refused.json()["prioritisation_id"]) == (409, "open")
    asked = [await client.post("/v1/prioritisations/open/withdraw", json={"why": "wrong"}) for _ in range(2)]
    assert [one.json()["status"] for one in asked] == ["withdrawal asked", "withdrawal asked before"]
    assert (await client.post("/v1/prioritisations/none/withdraw", json={"why": "x"})).status_code == 404


async def test_a_ranking_is_shown_with_its_places_first(client: Client, floor: Pool) -> None:
    await rank(floor, "done", "done")
    shown = (await client.get("/v1/prioritisations/done")).json()
    assert [(one["opportunity_id"], one["place"]) for one in shown["opportunities"]] == [("b", 1), ("a", None)]
    assert (await client.get("/v1/prioritisations/done", params={"rep": "ben"})).json()["opportunities"] == []
    assert (await client.get("/v1/prioritisations/none")).status_code == 404
    finished = await client.post("/v1/prioritisations/done/withdraw", json={"why": "x"})
    assert (finished.status_code, finished.json()["state"]) == (409, "done")
