"""A worker or dispatcher is killed by SIGKILL at each instruction that matters; a healthy one then goes on.

Afterwards database, receiver and engine are compared with those of a case that nobody disturbed: they are the same.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.runtime.conftest import Dispatching
from tests.unit.runtime.demo.cases import ROOT, Cases
from tests.unit.runtime.demo.diagram import compensated, deploy, one_task, withdrawable
from tests.unit.runtime.demo.faults import VARIABLE
from tests.unit.runtime.demo.receiver import ledger
from tests.unit.runtime.demo.served import Serve, Served
from tests.unit.runtime.demo.view import Recorded
from tests.unit.runtime.demo.waiting import until
from workers.engine.embedded import EmbeddedEngine
from workers.runtime.feed import Feed
from workers.runtime.orphans import Orphans
from workers.runtime.outbox import put
from workers.runtime.zeebe import ZeebeClient

pytestmark = pytest.mark.slow

Serving = Callable[..., AbstractAsyncContextManager[Feed]]
HURT, CALM = "hurt", "calm"
IN_WORKER = ["before_effect", "after_effect", "after_commit", "after_complete"]
IN_DISPATCHER = ["before_sending", "after_sending", "after_taking_out"]
REDELIVERY = timedelta(seconds=50)
"""More than the longest time-out of the jobs of `flow` that are killed here, and its grace."""
HELD_OVER = "UPDATE runtime.deliveries SET look_at = clock_timestamp()"

# What is left out: keys, ids and times, which differ from case to case, and `effects.completed_at`, a note for finding
# orphans that is written only when a stored result was the answer.
TABLES = {
    "bookings": "SELECT turn, change FROM public.bookings WHERE business_id = %s ORDER BY turn, change",
    "effects": "SELECT element_id, task, loop_index, result, recorded, undone_by, undone_at IS NOT NULL AS undone"
    " FROM runtime.effects WHERE business_id = %s ORDER BY element_id, loop_index",
    "timeline": "SELECT action, actor, why, facts, element_id FROM runtime.timeline WHERE business_id = %s"
    " ORDER BY action, element_id",
    "closed": "SELECT reason FROM runtime.closed_cases WHERE business_id = %s",
    "outbox": "SELECT channel, payload FROM runtime.outbox WHERE business_id = %s",
    "delivered": "SELECT channel, external_id FROM runtime.delivered WHERE business_id = %s ORDER BY external_id",
    "received": "SELECT external_id, amount FROM public.ledger WHERE business_id = %s ORDER BY id",
    "dead": "SELECT channel, external_id FROM runtime.dead_letters WHERE business_id = %s",
    "in hand": "SELECT task FROM runtime.deliveries WHERE business_id = %s",
}


class Ends:
    """Reads what a case has come to."""

    def __init__(self, cases: Cases, engine: EmbeddedEngine) -> None:
        self._cases = cases
        self._engine = engine

    async def table(self, name: str, case_id: str) -> list[dict[str, Any]]:
        async with self._cases.resources.pool.connection() as connection:
            rows = await (await connection.execute(TABLES[name].encode(), (case_id,))).fetchall()
        return [{key: _nameless(value, case_id) for key, value in row.items()} for row in rows]

    async def of(self, case_id: str, instance: int | None = None) -> dict[str, Any]:
        """Everything that is there of a case in database, receiver and engine."""
        found: dict[str, Any] = {name: await self.table(name, case_id) for name in TABLES}
        if instance is not None:
            elements = self._engine.elements(instance)
            found["elements"] = sorted((one.element_id, one.element_type, one.state) for one in elements)
            found["variables"] = _nameless(self._engine.variables(instance), case_id)
            found["incidents"] = self._engine.incidents(instance)
        return found

    def over(self, instance: int) -> bool:
        return any(one.key == instance and one.state == "ELEMENT_COMPLETED" for one in self._engine.elements(instance))

    async def tidy(self) -> bool:
        """Whether nothing is on its way or in hand; lets the dispatchers' chore look at what was left behind."""
        await self._cases.run_sql(HELD_OVER)
        await Orphans(self._cases.resources, Recorded(self._engine), ROOT).look()
        left = "SELECT FROM runtime.outbox UNION ALL SELECT FROM runtime.deliveries"
        return not await self._cases.rows(left)


def _nameless(value: Any, case_id: str) -> Any:
    match value:
        case str():
            return value.replace(case_id, "case")
        case dict():
            return {key: _nameless(one, case_id) for key, one in value.items()}
        case list():
            return [_nameless(one, case_id) for one in value]
    return value


@pytest.fixture
def ends(cases: Cases, engine: EmbeddedEngine) -> Ends:
    return Ends(cases, engine)


@pytest.fixture
async def diagrams(client: ZeebeClient) -> None:
    await deploy(client, {"b.bpmn": one_task("book"), "c.bpmn": compensated(), "w.bpmn": withdrawable()})


async def killed(served: Served) -> None:
    """Wait until it has killed itself."""
    assert await asyncio.wait_for(served.process.wait(), 240) == -signal.SIGKILL


@pytest.mark.parametrize("point", IN_WORKER)
async def test_worker_killed_while_it_does_something(
    point: str, serve: Serve, serving: Serving, dispatching: Dispatching, ends: Ends, cases: Cases,
    engine: EmbeddedEngine, client: ZeebeClient, diagrams: None,
) -> None:  # fmt: skip
    async with serve("flow.book", **{VARIABLE: point}) as dying:
        await dying.said("stream_open")
        hurt = await client.start("run_book", {"case_id": HURT, "amount": 3})
        await killed(dying)
    committed = point in {"after_commit", "after_complete"}
    assert await cases.booked(HURT) == (3 if committed else 0)  # it did die there and not elsewhere
    assert len(await ends.table("in hand", HURT)) == 1
    async with serving("book"), dispatching(deliveries={"test": ledger(cases.resources.pool)}):
        calm = await client.start("run_book", {"case_id": CALM, "amount": 3})
        await asyncio.to_thread(engine.increase_time, REDELIVERY)
        await until(lambda: ends.over(hurt) and ends.over(calm), "both instances to end", 30)
        await until(ends.tidy, "nothing to be on its way")
    state = await ends.of(HURT, hurt)
    assert state == await ends.of(CALM, calm)
    assert (len(state["bookings"]), len(state["received"]), len(state["timeline"])) == (1, 1, 1)


@pytest.mark.parametrize("point", IN_WORKER)
async def test_worker_killed_while_it_compensates(
    point: str, serve: Serve, serving: Serving, dispatching: Dispatching, ends: Ends, cases: Cases,
    engine: EmbeddedEngine, client: ZeebeClient, diagrams: None,
) -> None:  # fmt: skip
    async with serve("flow.unbook", **{VARIABLE: point}) as dying:
        await dying.said("stream_open")
        async with serving("book"):
            hurt = await client.start("compensated", {"case_id": HURT, "amount": 3})
            await killed(dying)
    undone = point in {"after_commit", "after_complete"}
    assert await cases.booked(HURT) == (0 if undone else 3)
    async with serving("book", "unbook"), dispatching(deliveries={"test": ledger(cases.resources.pool)}):
        calm = await client.start("compensated", {"case_id": CALM, "amount": 3})
        await asyncio.to_thread(engine.increase_time, REDELIVERY)
        await until(lambda: ends.over(hurt) and ends.over(calm), "both instances to end", 30)
        await until(ends.tidy, "nothing to be on its way")
    state = await ends.of(HURT, hurt)
    assert state == await ends.of(CALM, calm)
    assert [one["change"] for one in state["bookings"]] == [-3, 3]


@pytest.mark.parametrize("first", ["killed", "withdrawn"])
async def test_case_withdrawn_between_commit_and_completion(
    first: str, serve: Serve, serving: Serving, dispatching: Dispatching, ends: Ends, cases: Cases,
    client: ZeebeClient, diagrams: None,
) -> None:  # fmt: skip
    async def begin(case_id: str, worker: Served) -> int:
        await worker.said("stream_open")
        instance = await client.start("withdrawable", {"case_id": case_id, "amount": 3})
        await until(lambda: ends.table("in hand", case_id), "the job to be taken")
        return instance

    async def withdraw(case_id: str, instance: int) -> None:
        await client.publish("withdrawn", case_id, {}, ttl_seconds=60)
        await until(lambda: ends.over(instance), "the withdrawn instance to end")

    async with serving("settle"), dispatching(deliveries={"test": ledger(cases.resources.pool)}):
        async with serve("flow.book", **{VARIABLE: "after_commit:hold"}) as calm_worker:
            calm = await begin(CALM, calm_worker)
            await calm_worker.said("held")
            await withdraw(CALM, calm)
            calm_worker.process.send_signal(signal.SIGUSR1)  # its completion is refused now
            assert await calm_worker.said("job_gone")
            assert await calm_worker.terminate() == 0
        point = "after_commit" if first == "killed" else "after_commit:hold"
        async with serve("flow.book", **{VARIABLE: point}) as dying:
            hurt = await begin(HURT, dying)
            if first == "withdrawn":
                await dying.said("held")
                assert await cases.booked(HURT) == 3
                await withdraw(HURT, hurt)
                dying.process.kill()
            await killed(dying)
        if first == "killed":
            assert await cases.booked(HURT) == 3
            await withdraw(HURT, hurt)
        await until(ends.tidy, "nothing to be on its way")
    state = await ends.of(HURT, hurt)
    assert state == await ends.of(CALM, calm)
    assert [one["change"] for one in state["bookings"]] == [-3, 3]
    assert [one["undone"] for one in state["effects"] if one["task"] == "flow.book"] == [True]


async def fill(cases: Cases, case_id: str, rows: int) -> None:
    async with cases.resources.pool.connection() as connection:
        for number in range(rows):
            await put(connection, "test", case_id, f"{case_id}/{number}", {"amount": number})


@pytest.mark.parametrize("point", IN_DISPATCHER)
async def test_dispatcher_killed(point: str, serve: Serve, dispatching: Dispatching, ends: Ends, cases: Cases) -> None:
    async with serve("outbox", **{VARIABLE: point}) as dying:
        await dying.said("dispatcher_started")
        await fill(cases, HURT, 5)
        await killed(dying)
    sent = await ends.table("received", HURT)
    assert len(sent) == (0 if point == "before_sending" else 1)
    assert len(await ends.table("outbox", HURT)) == (4 if point == "after_taking_out" else 5)
    async with dispatching(deliveries={"test": ledger(cases.resources.pool)}):
        await fill(cases, CALM, 5)
        await until(ends.tidy, "the outbox to be empty")
    state = await ends.of(HURT)
    assert state == await ends.of(CALM)
    assert [one["amount"] for one in state["received"]] == [0, 1, 2, 3, 4]
    # The one way in which they differ is what the receiver is told twice, and knows by the external id.
    again = await cases.rows("SELECT external_id FROM public.ledger WHERE times > 1")
    assert again == ([("hurt/0",)] if point == "after_sending" else [])


async def test_one_of_two_dispatchers_killed(serve: Serve, dispatching: Dispatching, ends: Ends, cases: Cases) -> None:
    keys = [f"{HURT}-{number}" for number in range(24)]  # more than one dispatcher takes at a time
    async with serve("outbox", **{VARIABLE: "after_sending:hold"}) as dying:
        await dying.said("dispatcher_started")
        for key in keys:
            await fill(cases, key, 3)
        taken = "SELECT business_id FROM public.ledger"
        await dying.said("held")
        await until(lambda: _count(cases, taken, 16), "the first to have sent what it may at a time")
        async with serve("outbox") as other:
            await other.said("dispatcher_started")
            rest = "SELECT DISTINCT business_id FROM runtime.outbox"
            await until(lambda: _count(cases, rest, 16), "the other to send the rest, and only that")
            assert len(await cases.rows("SELECT FROM public.ledger WHERE times > 1")) == 0
            dying.process.kill()
            await killed(dying)
            await until(ends.tidy, "the other to take over")
            assert await other.terminate() == 0
    async with dispatching(deliveries={"test": ledger(cases.resources.pool)}):
        await fill(cases, CALM, 3)
        await until(ends.tidy, "the outbox to be empty")
    calm = await ends.of(CALM)
    for key in keys:
        assert await ends.of(key) == calm
    assert len(await cases.rows("SELECT FROM public.ledger WHERE times > 1")) == 16


async def _count(cases: Cases, query: str, wanted: int) -> bool:
    return len(await cases.rows(query)) == wanted
