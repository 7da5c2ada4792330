"""A worker at the edge: cut off for hours from the engine and the database, it goes on by itself, and nothing is done twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.unit.runtime.demo.cases import ROOT, Cases
from tests.unit.runtime.demo.diagram import one_task
from tests.unit.runtime.demo.receiver import ledger
from tests.unit.runtime.demo.waiting import until
from workers.chaos.proxy import Link, open_links
from workers.engine.embedded import EmbeddedEngine
from workers.runtime import discovery
from workers.runtime.database import open_pool
from workers.runtime.dispatcher import Dispatcher
from workers.runtime.feed import Feed
from workers.runtime.resources import Resources
from workers.runtime.worker import Worker
from workers.runtime.zeebe import ZeebeClient
from workers.settings import Settings, WorkerLimits, Zeebe

Serving = Callable[..., AbstractAsyncContextManager[Feed]]
Dispatching = Callable[..., AbstractAsyncContextManager[Dispatcher]]


@dataclass(frozen=True)
class Edge:
    """A worker that reaches engine and database over lines that can be cut."""

    feed: Feed
    resources: Resources
    engine: Link
    database: Link


@pytest.fixture
async def edge(engine: EmbeddedEngine, client: ZeebeClient, dsn: str) -> AsyncIterator[Edge]:
    await client.deploy({"book.bpmn": one_task("book", errors=("no_room",))})
    host, _, port = engine.address.rpartition(":")
    there = conninfo_to_dict(dsn)
    file = f"{there['host']}/.s.PGSQL.{there.get('port') or 5432}"
    async with open_links({"engine": (host, int(port)), "database": (file, 0)}) as links, _served(links, dsn) as one:
        yield one


@asynccontextmanager
async def _served(links: dict[str, Link], dsn: str) -> AsyncIterator[Edge]:
    far = make_conninfo(dsn, host="127.0.0.1", port=links["database"].port)
    settings = Settings(zeebe=Zeebe(address=f"127.0.0.1:{links['engine'].port}"))
    pool = await open_pool(far, min_size=1, max_size=4)
    async with ZeebeClient(settings) as client:
        resources = Resources(settings, pool)
        spec = discovery.find("flow.book", ROOT)
        feed = Feed(client, Worker(client, resources, ROOT), [spec], WorkerLimits(max_running_jobs=4))
        running = asyncio.create_task(feed.run())
        await until(lambda: running.done() or feed.open_streams, "the stream to open")
        try:
            yield Edge(feed, resources, links["engine"], links["database"])
        finally:
            feed.stop()
            await running
            await feed.drain(5.0)
            await pool.close()


def ended(engine: EmbeddedEngine, *instances: int) -> bool:
    done = {one.key for key in instances for one in engine.elements(key) if one.state == "ELEMENT_COMPLETED"}
    return done >= set(instances)


async def test_a_cut_of_hours_costs_time_and_nothing_else(
    engine: EmbeddedEngine, client: ZeebeClient, edge: Edge, serving: Serving, dispatching: Dispatching, cases: Cases
) -> None:
    async def start(case_id: str) -> int:
        return await client.start("run_book", {"case_id": case_id, "amount": 7})

    gate = edge.resources.cache["gate"] = asyncio.Event()
    held = await start("held")
    await until(lambda: edge.resources.cache.get("runs") == 1, "the edge to be at work")

    # The line to the engine goes first: the edge does its work, and can tell nobody.
    edge.engine.hold()
    gate.set()
    await until(lambda: _is(cases, "held", 7), "the effect of the edge to be in the database")
    edge.database.hold()
    cut = [held, *[await start(f"cut-{number}") for number in range(5)]]  # pushed into the dead line, or not at all
    assert not ended(engine, held)

    # Hours pass; whoever is left takes over what the edge had in hand.
    async with serving("book"):
        while not ended(engine, *cut):
            engine.increase_time(timedelta(hours=1))
            await asyncio.sleep(0.2)
    assert edge.resources.cache["runs"] == 1
    assert cases.resources.cache["runs"] == 5  # not that of the edge: its recorded result was given

    # The line is back, with all that was stuck in it, and only the edge is there to work.
    edge.database.reset()
    edge.database.heal()
    edge.engine.heal()
    later = [await start(f"later-{number}") for number in range(3)]
    await until(lambda: ended(engine, *later), "the edge to catch up")

    async with dispatching(deliveries={"test": ledger(cases.resources.pool)}):
        await until(lambda: _delivered(cases, 9), "all that is due to be delivered")
    names = ["held", *(f"cut-{number}" for number in range(5)), *(f"later-{number}" for number in range(3))]
    booked = await cases.rows("SELECT business_id, sum(change)::int, count(*)::int FROM public.bookings GROUP BY 1")
    assert sorted(booked) == sorted((name, 7, 1) for name in names)
    told = await cases.rows("SELECT business_id, times FROM public.ledger")
    assert sorted(told) == sorted((name, 1) for name in names)
    assert not any(engine.incidents(instance) for instance in [*cut, *later])


async def _is(cases: Cases, case_id: str, booked: int) -> bool:
    return await cases.booked(case_id) == booked


async def _delivered(cases: Cases, number: int) -> Any:
    rows = await cases.rows("SELECT count(*)::int FROM public.ledger")
    return rows[0][0] >= number
