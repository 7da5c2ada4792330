"""Effects whose job was cancelled under them, on a real engine: undone once; a twin's are not touched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import pytest
from psycopg import AsyncConnection

from tests.spans import is_below, recorded
from tests.unit.runtime.demo.cases import ROOT, Cases
from tests.unit.runtime.demo.diagram import one_task
from tests.unit.runtime.demo.view import Recorded
from tests.unit.runtime.demo.waiting import until
from workers.engine.embedded import EmbeddedEngine
from workers.runtime import discovery, task
from workers.runtime.errors import Unreachable
from workers.runtime.feed import Feed
from workers.runtime.orphans import Orphans
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import EngineBusy
from workers.settings import Settings, Zeebe

Serving = Callable[..., AbstractAsyncContextManager[Feed]]
GONE = "SELECT FROM runtime.deliveries WHERE gone_at IS NOT NULL"
UNDONE = "SELECT count(*)::int FROM runtime.effects WHERE task = 'flow.unbook'"


@pytest.fixture
def view(engine: EmbeddedEngine) -> Recorded:
    return Recorded(engine)


@pytest.fixture
def orphans(cases: Cases, view: Recorded) -> Orphans:
    return Orphans(cases.resources, view, ROOT)


@pytest.fixture
async def book(client: ZeebeClient) -> str:
    await client.deploy({"book.bpmn": one_task("book", errors=("no_room",))})
    return "run_book"


class Meddled(ZeebeClient):
    """Something happens between the commit and the completion, or the completion's answer gets lost."""

    def __init__(self, address: str, before: Callable[[int], Any], *, lose_answer: bool = False) -> None:
        super().__init__(Settings(zeebe=Zeebe(address=address)))
        self._before = before
        self._lose_answer = lose_answer

    async def complete(self, job_key: int, variables: Any) -> None:
        await self._before(job_key)
        await super().complete(job_key, variables)
        if self._lose_answer:
            self._lose_answer = False
            raise EngineBusy("The answer got lost.")


async def nothing(_key: int) -> None:
    pass


async def orphan(engine: EmbeddedEngine, serving: Serving, cases: Cases) -> int:
    """An effect that was committed and whose instance was then cancelled; the instance's key."""

    async def cancel(_key: int) -> None:
        await meddled.cancel(instance)

    async with Meddled(engine.address, cancel) as meddled, serving("book", using=meddled):
        instance = await meddled.start("run_book", {"case_id": "c1", "amount": 5})
        await until(lambda: cases.rows(GONE), "the completion to be refused")
    return instance


async def test_cancelled_after_the_commit_is_undone_once(
    engine: EmbeddedEngine, serving: Serving, book: str, cases: Cases, orphans: Orphans
) -> None:
    with recorded() as spans:
        await orphan(engine, serving, cases)
        assert await cases.booked() == 5
        assert sum(await asyncio.gather(orphans.look(), orphans.look())) == 1
        assert await orphans.look() == 0
    assert is_below(spans.one("orphan flow.book"), spans.one("job flow.book"))
    assert is_below(spans.one("undo flow.unbook"), spans.one("orphan flow.book"))
    assert await cases.booked() == 0
    assert await cases.rows(UNDONE) == [(1,)]
    assert await cases.rows("SELECT undone_by FROM runtime.effects WHERE undone_at IS NOT NULL") == [("unbook",)]
    assert await cases.rows("SELECT FROM runtime.deliveries") == []


async def test_worker_that_died_before_it_heard_of_the_cancelling(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, book: str, cases: Cases, orphans: Orphans
) -> None:
    async def never(_key: int) -> None:
        raise EngineBusy("RESOURCE_EXHAUSTED")

    async with Meddled(engine.address, never) as meddled, serving("book", using=meddled) as dying:
        instance = await client.start(book, {"case_id": "c1"})
        await until(lambda: cases.rows("SELECT FROM runtime.effects WHERE result IS NOT NULL"), "the commit")
        await client.cancel(instance)
        dying.stop()
        await dying.drain(0)
    assert await orphans.look() == 0  # its time is not over: somebody might still have it in hand
    await cases.run_sql("UPDATE runtime.deliveries SET look_at = clock_timestamp()")
    assert await orphans.look() == 1
    assert await cases.booked() == 0


async def test_deadline_that_comes_with_the_commit(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, cases: Cases, orphans: Orphans,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The server commits, its answer comes too late: the job fails, though its effect is there."""
    spec = discovery.find("flow.book", ROOT)
    monkeypatch.setitem(task.REGISTRY, spec.job_type, replace(spec, timeout_seconds=0.5))
    commit = AsyncConnection.commit

    async def slow(connection: AsyncConnection[Any]) -> None:
        await commit(connection)
        if cases.resources.cache.pop("runs", 0):  # the first one since the task ran
            await asyncio.Event().wait()

    await client.deploy({"once.bpmn": one_task("book", process_id="one_try", retries=1)})
    async with serving("book"):
        monkeypatch.setattr(AsyncConnection, "commit", slow)
        instance = await client.start("one_try", {"case_id": "c1"})
        await until(lambda: engine.incidents(instance), "the last try to fail")
    assert await cases.booked() == 1
    await client.cancel(instance)
    await cases.run_sql("UPDATE runtime.deliveries SET look_at = clock_timestamp()")
    assert await orphans.look() == 1
    assert await cases.booked() == 0


async def test_lost_answer_is_no_orphan(
    engine: EmbeddedEngine, serving: Serving, book: str, cases: Cases, orphans: Orphans
) -> None:
    async with Meddled(engine.address, nothing, lose_answer=True) as meddled, serving("book", using=meddled):
        await meddled.start(book, {"case_id": "c1"})
        await until(lambda: cases.rows(GONE), "the second completion to be refused")
    assert await orphans.look() == 1
    assert await cases.booked() == 1
    assert await cases.rows(UNDONE) == [(0,)]
    assert await cases.rows("SELECT FROM runtime.deliveries") == []


@pytest.mark.parametrize("seen", [True, False], ids=["by the engine's view", "by our own tables"])
async def test_twin_completion_is_no_orphan(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, book: str, cases: Cases, view: Recorded, seen: bool
) -> None:
    async def twin_first(job_key: int) -> None:
        await client.complete(job_key, '{"booked": 1}')
        if not seen:  # the twin was a worker, too: it had answered from the stored result, and noted that
            await cases.run_sql("UPDATE runtime.effects SET completed_at = clock_timestamp()")

    async with Meddled(engine.address, twin_first) as meddled, serving("book", using=meddled):
        await client.start(book, {"case_id": "c1"})
        await until(lambda: cases.rows(GONE), "the second completion to be refused")
    assert await Orphans(cases.resources, view if seen else None, ROOT).look() == 1
    assert await cases.booked() == 1
    assert await cases.rows(UNDONE) == [(0,)]


async def test_waits_for_the_engines_view(
    engine: EmbeddedEngine, serving: Serving, book: str, cases: Cases, orphans: Orphans, view: Recorded
) -> None:
    await orphan(engine, serving, cases)
    assert await Orphans(cases.resources, None, ROOT).look() == 0
    view.away = True
    await cases.run_sql("UPDATE runtime.deliveries SET look_at = clock_timestamp()")
    with pytest.raises(Unreachable):
        await orphans.look()
    assert await cases.booked() == 5
    view.away = False
    await cases.run_sql("UPDATE runtime.deliveries SET look_at = clock_timestamp()")
    assert await orphans.look() == 1
    assert await cases.booked() == 0


async def test_withdrawn_meanwhile_is_not_undone_twice(
    engine: EmbeddedEngine, serving: Serving, book: str, cases: Cases, orphans: Orphans
) -> None:
    await orphan(engine, serving, cases)
    await cases.run("settle")
    assert await cases.booked() == 0
    assert await orphans.look() == 1
    assert await cases.booked() == 0


async def test_relied_on_by_a_second_instance_stands(
    engine: EmbeddedEngine, serving: Serving, book: str, cases: Cases, orphans: Orphans
) -> None:
    await orphan(engine, serving, cases)
    assert (await cases.run("book", amount=5)).repeated
    assert await orphans.look() == 1
    assert await cases.booked() == 5


async def test_an_instance_that_the_engine_never_had_is_undone_after_a_while(
    engine: EmbeddedEngine, serving: Serving, book: str, cases: Cases, orphans: Orphans
) -> None:
    """The engine died after it had handed out the job, forgot it, and took another way afterwards."""
    await orphan(engine, serving, cases)
    for table in ("deliveries", "effects"):
        await cases.run_sql(f"UPDATE runtime.{table} SET element_instance_key = 1")
    for looks, settled in ((0, 0), (1, 0), (2, 1)):
        assert await cases.booked() == 5
        assert await cases.rows("SELECT looks FROM runtime.deliveries") == [(looks,)]
        await cases.run_sql("UPDATE runtime.deliveries SET look_at = clock_timestamp()")
        assert await orphans.look() == settled
    assert await cases.booked() == 0


async def test_an_instance_that_the_engine_does_not_know_yet_waits(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, book: str, cases: Cases, orphans: Orphans
) -> None:
    await orphan(engine, serving, cases)
    living = await client.start(book, {"case_id": "c2"})
    for table in ("deliveries", "effects"):
        await cases.run_sql(f"UPDATE runtime.{table} SET element_instance_key = 1, process_instance_key = {living}")
    await cases.run_sql("UPDATE runtime.deliveries SET look_at = clock_timestamp(), looks = 9")
    assert await orphans.look() == 0
    assert await cases.booked() == 5
    await client.cancel(living)
