"""Promises over HTTP: taken once, listed, reported as made, taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.process.house import ALWAYS
from tests.unit.gateway.helpers import Client
from workers.runtime.database import Pool

DUE = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
PROMISE: dict[str, Any] = {
    "subject_kind": "opportunity", "subject_id": "opp-1", "rep_id": "ana", "contact": "Eva Beispiel", "channel": "call",
    "promised_for": DUE.isoformat(),
}  # fmt: skip


@pytest.fixture
async def floor(pool: Pool) -> Pool:
    """A database with a rep, and one who left."""
    async with pool.connection() as connection:
        for rep, active in (("ana", True), ("old", False)):
            await connection.execute(
                "INSERT INTO routing.reps (id, name, email, login, territories, timezone, holidays, working_hours,"
                " languages, skills, weight, daily_capacity, open_capacity, active)"
                " VALUES (%s, 'Ana', 'ana@fairlead.example', %s, '{dach}', 'UTC', 'DE', %s, '{en}', '{core}', 1, 9, 9, %s)",
                (rep, rep, Jsonb(ALWAYS), active),
            )
    return pool


async def messages(pool: Pool) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT payload FROM runtime.outbox ORDER BY id")
        return [row["payload"] for row in await cursor.fetchall()]


async def test_the_same_promise_starts_once(client: Client, floor: Pool) -> None:
    first = await client.post("/v1/follow-ups", json=PROMISE)
    assert (first.status_code, first.json()["status"]) == (202, "promised")
    again = await client.post("/v1/follow-ups", json=PROMISE | {"note": "in other words"})
    assert again.json() == {"follow_up_id": first.json()["follow_up_id"], "status": "promised before"}
    (message,) = await messages(floor)
    assert message["name"] == "follow_up_promised"
    assert message["variables"]["promise"]["contact"] == "Eva Beispiel"


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"rep_id": "nobody"}, "impossible-promise"),
        ({"rep_id": "old"}, "impossible-promise"),
        ({"promised_for": "2020-01-01T00:00:00Z"}, "impossible-promise"),
        ({"promised_for": "2030-01-01T00:00:00"}, "invalid-request"),
        ({"channel": "telegram"}, "invalid-request"),
        ({"contact": ""}, "invalid-request"),
        ({"subject_kind": "account"}, "invalid-request"),
        ({"unknown": 1}, "invalid-request"),
    ],
)
async def test_a_promise_that_cannot_be_kept_is_refused(
    client: Client, floor: Pool, changed: dict[str, Any], kind: str
) -> None:
    answer = await client.post("/v1/follow-ups", json=PROMISE | changed)
    assert answer.status_code == 422
    assert answer.json()["type"].endswith(kind)
    assert await messages(floor) == []


async def test_what_came_of_it_is_told_once(client: Client, floor: Pool) -> None:
    name = (await client.post("/v1/follow-ups", json=PROMISE)).json()["follow_up_id"]
    made = {"result": "reached", "by": "ana"}
    told = [await client.post(f"/v1/follow-ups/{name}/contact", json=made) for _ in range(2)]
    assert [answer.json()["status"] for answer in told] == ["told", "told before"]
    cancelled = [await client.post(f"/v1/follow-ups/{name}/cancel", json={"why": "bought"}) for _ in range(2)]
    assert [answer.json()["status"] for answer in cancelled] == ["cancellation asked", "cancellation asked before"]
    assert [one["name"] for one in await messages(floor)] == [
        "follow_up_promised", "contact_made", "follow_up_cancelled",
    ]  # fmt: skip


async def test_promises_are_listed_and_shown(client: Client, floor: Pool) -> None:
    async with floor.connection() as connection:
        for name, state, days in (("a", "open", 2), ("b", "open", 1), ("c", "late", 0)):
            await connection.execute(
                "INSERT INTO selling.follow_ups (follow_up_id, subject_kind, subject_id, rep_id, contact, channel,"
                " promised_for, due_at, state, opened_at) VALUES (%s, 'lead', 'lead-1', 'ana', 'Eva', 'call', %s, %s, %s,"
                " now())",
                (name, DUE, DUE + timedelta(days=days), state),
            )
        await connection.execute(
            'INSERT INTO selling.follow_up_changes (follow_up_id, change_key, kind, reason, by_whom, "before", "after")'
            " VALUES ('a', '2', 'postpone', 'no_time', 'ana', 'Monday', 'Tuesday')"
        )
    listed = (await client.get("/v1/follow-ups")).json()["follow_ups"]
    assert [one["follow_up_id"] for one in listed] == ["b", "a", "c"]
    late = (await client.get("/v1/follow-ups", params={"state": "late", "rep": "ana"})).json()["follow_ups"]
    assert [one["follow_up_id"] for one in late] == ["c"]
    shown = (await client.get("/v1/follow-ups/a")).json()
    assert [one["after"] for one in shown["changes"]] == ["Tuesday"]
    assert (await client.get("/v1/follow-ups/z")).status_code == 404
    assert (await client.post("/v1/follow-ups/z/cancel", json={"why": "x"})).status_code == 404
    refused = await client.post("/v1/follow-ups/c/contact", json={"result": "reached", "by": "ana"})
    assert (refused.status_code, refused.json()["state"]) == (409, "late")
