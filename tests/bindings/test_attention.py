"""The table of attention as the engine evaluates it, and what comes of it: levels, mails, and what stays without an engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.bindings.conftest import Tables
from tests.unit.control_room.town import settle
from workers.control_room import foresight
from workers.control_room.prediction import store
from workers.control_room.prediction.attention import MOST, Attending, rounded
from workers.control_room.prediction.store import Prediction
from workers.control_room.prediction.telling import Telling
from workers.engine.embedded import EmbeddedEngine
from workers.engine.ports import free_port
from workers.runtime.database import Pool
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import Decision
from workers.settings import ControlRoom, Mail, Settings, Zeebe

SETTINGS = Settings(mail=Mail(sales_ops=["ops@example.com"]), control_room=ControlRoom(keep_days=30))
CASES: dict[str, dict[str, Any]] = {  # Any: columns of several types
    "great": {"segment": "strategic", "risk": 0.8, "users": ["ana"]},
    "usual": {"segment": "small_business", "risk": 0.7, "users": ["ana"]},
    "stranger": {"segment": "mid_market", "risk": 0.65, "users": ["nobody-knows"]},
    "untaken": {"segment": "mid_market", "risk": 0.62, "users": []},
    "calm": {"segment": "strategic", "risk": 0.05, "users": ["ben"]},
}


@pytest.fixture
async def client(tables: Tables, engine: EmbeddedEngine) -> AsyncIterator[ZeebeClient]:
    """Of the engine on which all tables are deployed."""
    del tables
    async with ZeebeClient(Settings(engine="embedded", zeebe=Zeebe(address=engine.address))) as opened:
        yield opened


@pytest.fixture
async def cases(pool: Pool) -> list[Prediction]:
    """Leads that wait for their owners, and what is predicted of them."""
    await settle(pool)
    now, found = datetime.now(UTC), []
    async with pool.connection() as connection:
        for key, (name, one) in enumerate(CASES.items(), 1):
            await connection.execute(
                "INSERT INTO routing.leads (lead_id, source, raw, lead, state, routing, score, process_instance_key)"
                " VALUES (%s, 'web', '{}', %s, 'assigned', %s, '{\"band\": \"cold\"}', %s)",
                (name, Jsonb({"name": name.title()}), Jsonb({"segment": one["segment"], "territory": "dach"}), key),
            )
            await connection.execute(
                "INSERT INTO control.user_tasks (key, element_key, instance_key, process_key, process, element, groups, users,"
                " due_at, created_at, position) VALUES (%s, 1, %s, 1, 'lead_routing', 'accept_lead', '{reps}', %s, %s, %s, 1)",
                (key, key, one["users"], now + timedelta(minutes=20), now - timedelta(minutes=5)),
            )
            reasons = ("whoever has it has 9 open tasks",)
            found.append(Prediction(key, key, "m", one["risk"], None, None, None, reasons, (), one["risk"] > 0.5))
        await store.write(connection, found, now)
    return found


async def levels(pool: Pool) -> dict[str, tuple[str, str]]:
    async with pool.connection() as connection:
        rows = await foresight.attention(connection, everything=True)
    return {row["name"].lower(): (row["level"], row["tell"]) for row in rows}


async def mails(pool: Pool) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        query = "SELECT payload FROM runtime.outbox WHERE channel = 'mail' ORDER BY id"
        return [row["payload"] for row in await (await connection.execute(query)).fetchall()]


async def test_each_case_is_told_once_at_each_level(pool: Pool, client: ZeebeClient, cases: list[Prediction]) -> None:
    attending = Attending(pool, client, Telling(SETTINGS))
    counted, problem = await attending.attend()
    assert problem is None
    assert counted == {("lead_routing", "act"): 4, ("lead_routing", "none"): 1}
    # The riskiest and most valuable first.
    assert list((await levels(pool)).items()) == [
        ("great", ("act", "manager")),
        ("stranger", ("act", "person")),
        ("untaken", ("act", "sales_ops")),
        ("usual", ("act", "person")),
        ("calm", ("none", "nobody")),
    ]
    told = await mails(pool)
    assert {mail["subject"].removeprefix("Needs attention: accept_lead: "): mail["to"] for mail in told} == {
        "Great": ["mia@example.com"],
        "Usual": ["ana@example.com"],
        "Stranger": ["ops@example.com"],
        "Untaken": ["ops@example.com"],
    }
    assert "80 %" in told[0]["text"]
    assert "9 open tasks" in told[0]["text"]
    assert "It could become a strategic customer." in told[0]["text"]

    for risk in (0.4, 0.9):  # another level, and back
        async with pool.connection() as connection:
            await connection.execute("UPDATE control.predictions SET risk = %s WHERE key = 1", (risk,))
        await attending.attend()
    again = (await mails(pool))[len(told) :]
    assert [(mail["to"], "40 %" in mail["text"]) for mail in again] == [(["ana@example.com"], True)]


async def test_without_the_engine_the_last_levels_stay_and_it_is_said(
    pool: Pool, client: ZeebeClient, cases: list[Prediction]
) -> None:
    await Attending(pool, client, Telling(SETTINGS)).attend()
    before, told = await levels(pool), len(await mails(pool))
    async with pool.connection() as connection:
        await connection.execute("UPDATE control.predictions SET risk = 0.95")
    away = Settings(engine="embedded", zeebe=Zeebe(address=f"127.0.0.1:{free_port()}"))
    async with ZeebeClient(away) as nobody:
        _, problem = await Attending(pool, nobody, Telling(SETTINGS)).attend()
    assert problem is not None
    assert "not available" in problem
    assert await levels(pool) == before
    assert len(await mails(pool)) == told
    async with pool.connection() as connection:
        state = await foresight.state(connection)
    assert state.attention_problem == problem
    assert state.attended_at is not None


class Mistaken:
    """An engine on which an analyst has deployed a table that answers something else."""

    def __init__(self, **answer: object) -> None:
        self._answer = {"level": "act", "tell": "person", "why": "So.", "worth": 1} | answer

    async def evaluate_decision(self, decision_id: str, variables: object) -> Decision:
        return Decision(self._answer, 2, {})


@pytest.mark.parametrize("answer", [{"level": "urgent"}, {"worth": float("nan")}, {"tell": None}, {"more": 1}])
async def test_an_answer_that_is_not_understood_changes_nothing(
    pool: Pool, cases: list[Prediction], answer: dict[str, object]
) -> None:
    counted, problem = await Attending(pool, Mistaken(**answer), Telling(SETTINGS)).attend()
    assert not counted
    assert next(iter(answer)) in (problem or "")
    assert not await mails(pool)


async def test_the_same_is_asked_once(pool: Pool) -> None:
    asked = 0

    class Counting(Mistaken):
        async def evaluate_decision(self, decision_id: str, variables: object) -> Decision:
            nonlocal asked
            asked += 1
            return await super().evaluate_decision(decision_id, variables)

    attending = Attending(pool, Counting(tell="nobody"), Telling(SETTINGS))
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO control.user_tasks (key, element_key, instance_key, process_key, process, element, due_at, created_at,"
            " position) SELECT i, 1, i, 1, 'follow_up', 'make_contact', now() + interval '3 d', now(), 1"
            " FROM generate_series(100, %s) AS i",
            (99 + MOST,),
        )
        extra = [Prediction(key, key, "m", 0.9, None, None, None, (), (), True) for key in range(100, 100 + MOST)]
        await store.write(connection, extra, datetime.now(UTC))
    for _ in range(3):
        await attending.attend()
    assert asked == 1


def test_minutes_are_rounded_down_the_more_the_farther() -> None:
    minutes = (-700, -31.5, -0.5, 0.9, 29.9, 31, 44, 239.9, 241, 10_000)
    assert [rounded(one) for one in minutes] == [-720, -35, -1, 0, 29, 30, 40, 235, 240, 9_990]
