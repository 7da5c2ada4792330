"""People and the feeder on a real database, with a task list and a gateway kept in memory."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
from psycopg.types.json import Jsonb

from workers.runtime.database import Pool
from workers.sample.door import Door, Refused
from workers.sample.feeding import feed, next_index
from workers.sample.leads import LeadSource
from workers.sample.loading import load
from workers.sample.organisation import accounts
from workers.sample.people import AGAIN, People, TaskGone

NOW = dt.datetime.now(dt.UTC)
LONG_AGO = NOW - dt.timedelta(hours=1)
SOURCE = LeadSource(1, accounts(1))


class Board:
    """A task list that, like Camunda's, still finds a task for a while after it was completed. Keys are instances'."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, str]] = []
        self.completed: dict[int, Mapping[str, object]] = {}
        self.gone: set[int] = set()
        self.late: set[int] = set()
        """Instances whose task is not found yet."""

    async def find(self, process_instance_key: int, element_id: str) -> int | None:
        self.asked.append((process_instance_key, element_id))
        return None if process_instance_key in self.late else process_instance_key

    async def complete(self, key: int, variables: Mapping[str, object]) -> None:
        if key in self.completed or key in self.gone:
            raise TaskGone
        self.completed[key] = variables


class Gateway:
    """Records what is posted; answers with what the test puts into `answers`, then 202."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, dict[str, object], str | None]] = []
        self.answers: list[httpx.Response] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.posts.append((request.url.path, json.loads(request.content), request.headers.get("Idempotency-Key")))
        return self.answers.pop(0) if self.answers else httpx.Response(202, json={})


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
async def door(gateway: Gateway) -> AsyncIterator[Door]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(gateway), base_url="http://gateway") as http:
        yield Door(http)


async def put(pool: Pool, index: int, state: str, external_id: str | None = None, **columns: object) -> None:
    values: dict[str, object] = {
        "lead_id": f"lead-{index}",
        "source": "web_form",
        "external_id": external_id or SOURCE.external_id(index),
        "raw": Jsonb(SOURCE.lead(index).body),
        "state": state,
        "state_at": LONG_AGO + dt.timedelta(seconds=index),
        "process_instance_key": 1_000 + index,
        **columns,
    }
    async with pool.connection() as connection:
        names, marks = ", ".join(values), ", ".join(f"%({name})s" for name in values)
        await connection.execute(f"INSERT INTO routing.leads ({names}) VALUES ({marks})".encode(), values)


def people(board: Board, pool: Pool, door: Door, left_alone: int = 0) -> People:
    return People(board, pool, door, seed=1, prefix=SOURCE.prefix, left_alone=left_alone)


async def test_they_triage_once_and_choose_somebody_present_of_the_territory(pool: Pool, door: Door) -> None:
    await load(pool, 1)
    for i in range(10):
        await put(pool, i, "triage", routing=Jsonb({"territory": "dach"}))
    board = Board()
    team = people(board, pool, door)
    assert await team.answer_tasks(NOW) == 10
    assert await team.answer_tasks(NOW) == 0  # the process has not gone on yet; nobody answers twice
    assert board.asked == [(1_000 + i, "triage_lead") for i in range(10)]
    chosen = {given["chosen_owner"] for given in board.completed.values()} - {None}
    async with pool.connection() as connection:
        cursor = await connection.execute(
            """SELECT id FROM routing.reps r WHERE 'dach' = ANY(territories) AND NOT EXISTS (
            SELECT 1 FROM routing.absences a WHERE a.rep_id = r.id AND now() BETWEEN starts_at AND ends_at)"""
        )
        assert chosen
        assert chosen <= {row["id"] for row in await cursor.fetchall()}


async def test_they_leave_the_newest_and_other_peoples_leads_alone(pool: Pool, door: Door) -> None:
    for i in range(6):
        await put(pool, i, "triage")
    await put(pool, 6, "triage", external_id="from-a-customer")
    await put(pool, 7, "registered")
    board = Board()
    await people(board, pool, door, left_alone=2).answer_tasks(NOW)
    assert set(board.completed) == {1_000, 1_001, 1_002, 1_003}


async def test_they_wait_until_the_answer_is_due_and_bear_tasks_that_are_gone_or_late(pool: Pool, door: Door) -> None:
    for i in range(4):
        await put(pool, i, "invalid")
    board = Board()
    board.gone, board.late = {1_001}, {1_003}
    team = people(board, pool, door)
    assert await team.answer_tasks(LONG_AGO) == 0
    assert board.asked == []  # Camunda is not asked for what is not due
    assert await team.unanswered(LONG_AGO) == 0
    assert await team.unanswered(NOW) == 4
    assert await team.answer_tasks(NOW) == 2
    assert set(board.completed) == {1_000, 1_002}
    board.late.clear()
    assert await team.answer_tasks(NOW) == 0  # not asked for again at once
    assert await team.answer_tasks(NOW + AGAIN) == 1
    assert set(board.completed) == {1_000, 1_002, 1_003}
    async with pool.connection() as connection:
        await connection.execute("UPDATE routing.leads SET state = 'accepted'")
    assert await team.unanswered(NOW) == 0
    await put(pool, 4, "registered")
    await put(pool, 5, "registered", external_id="from-a-customer")
    assert await team.unanswered(NOW) == 1  # on its way


async def test_a_lead_that_waits_again_is_answered_again(pool: Pool, door: Door) -> None:
    await put(pool, 1, "invalid")
    board = Board()
    team = people(board, pool, door)
    assert await team.answer_tasks(NOW) == 1
    board.completed.clear()
    async with pool.connection() as connection:
        await connection.execute("UPDATE routing.leads SET state_at = state_at + interval '1 minute'")
    assert await team.answer_tasks(NOW) == 1


async def test_outcomes_are_reported_once_they_are_due(pool: Pool, door: Door, gateway: Gateway) -> None:
    await put(pool, 1, "accepted", accepted_at=NOW - dt.timedelta(days=1))
    await put(pool, 2, "accepted", accepted_at=NOW)
    await put(pool, 3, "accepted", accepted_at=NOW - dt.timedelta(days=1), converted=True)
    await put(pool, 4, "accepted", accepted_at=NOW - dt.timedelta(days=1), external_id="from-a-customer")
    assert await people(Board(), pool, door).report_outcomes(NOW) == 1
    [(path, body, _)] = gateway.posts
    assert path == "/v1/leads/lead-1/outcome"
    assert isinstance(body["converted"], bool)


async def test_feeding_goes_on_where_it_stopped(pool: Pool, door: Door, gateway: Gateway) -> None:
    assert await next_index(pool, SOURCE) == 0
    await put(pool, 41, "received")
    await put(pool, 9, "received")
    start = await next_index(pool, SOURCE)
    assert start == 42
    assert await feed(door, SOURCE, start, rate_per_minute=1e6, seed=1, count=3) == 3
    assert [key for _, _, key in gateway.posts] == [SOURCE.external_id(i) for i in (42, 43, 44)]
    assert [body for _, body, _ in gateway.posts] == [SOURCE.lead(i).body for i in (42, 43, 44)]


async def test_a_busy_gateway_is_asked_again_and_a_refused_lead_is_left(door: Door, gateway: Gateway) -> None:
    gateway.answers = [
        httpx.Response(429, headers={"Retry-After": "0"}),
        httpx.Response(422, json={"title": "Unprocessable", "detail": "source must not be blank"}),
    ]
    assert await feed(door, SOURCE, 0, rate_per_minute=1e6, seed=1, count=2) == 2
    assert [key for _, _, key in gateway.posts] == [SOURCE.external_id(i) for i in (0, 0, 1)]
    gateway.answers = [httpx.Response(422, json={"detail": "source must not be blank"})]
    with pytest.raises(Refused, match="source must not be blank"):
        await door.post("/v1/leads", {})
