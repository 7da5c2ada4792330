"""An analyst's diagram asks another system, on the real engine: the answer, a BPMN error, an incident in words, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.simulators.orders import TOKEN, Orders
from tests.unit.runtime.demo.diagram import deploy
from tests.unit.runtime.demo.waiting import until
from tests.unit.web_services.conftest import allowed
from workers.engine.embedded import EmbeddedEngine
from workers.runtime import discovery
from workers.runtime.database import Pool
from workers.runtime.feed import Feed
from workers.runtime.resources import Resources
from workers.runtime.worker import Worker
from workers.runtime.zeebe import ZeebeClient
from workers.settings import Settings, WorkerLimits, Zeebe
from workers.web_services import wiring

ORDER = Path(__file__).with_name("order.bpmn").read_bytes()


@pytest.fixture
async def client(engine: EmbeddedEngine, pool: Pool, other: Orders) -> AsyncIterator[ZeebeClient]:
    """An engine with the diagram, whose tasks are served."""
    async with ZeebeClient(Settings(zeebe=Zeebe(address=engine.address))) as opened:
        await deploy(opened, {"order.bpmn": ORDER})
        async with serving(opened, Resources(allowed(other), pool)):
            yield opened


@asynccontextmanager
async def serving(client: ZeebeClient, resources: Resources) -> AsyncIterator[None]:
    feed = Feed(
        client,
        Worker(client, resources),
        [discovery.find(f"web_services.{name}") for name in ("http_request", "soap_request")],
        WorkerLimits(max_running_jobs=4),
    )
    running = asyncio.create_task(feed.run())
    await until(lambda: running.done() or len(feed.open_streams) == 2, "the streams to open")
    try:
        yield
    finally:
        feed.stop()
        await running
        await feed.drain(5.0)
        await wiring.close(resources)


async def test_what_comes_back_and_what_is_refused(client: ZeebeClient, engine: EmbeddedEngine, other: Orders) -> None:
    other.faults = [503]  # after the order was taken: it is asked again, with the same key
    given = {"supplier": other.url, "amount": 2.5}
    ordered = await client.start("order", given | {"deal": "deal-1", "customer": "ana"})
    refused = await client.start("order", given | {"deal": "deal-2", "customer": "nobody"})
    wrong = await client.start("order", given | {"deal": "deal-3", "customer": "ana", "amount": "much"})
    await until(lambda: "order_number" in engine.variables(ordered), "the order to be taken")
    await until(lambda: "said" in engine.variables(refused), "the error to be caught")
    await until(lambda: _incident(engine, wrong), "the incident")
    await until(lambda: "confirmed" in engine.variables(ordered), "the other order")
    assert engine.variables(ordered)["order_number"] == "O-1"
    assert engine.variables(ordered)["confirmed"] == {"number": "S-2", "total": 2.5, "due": "2026-12-24"}
    assert engine.variables(refused)["said"] == "unknown customer"
    assert "HTTP 422" in _incident(engine, wrong)
    assert len(other.orders) == 2, "each once, however often it was asked"
    keys = [key for key in other.asked if other.by_key.get(key)]
    assert len(keys) == 2
    assert len(set(other.asked)) == 4, "each case and element has its own key"
    written = str(engine.variables(ordered)) + str(engine.variables(refused)) + _incident(engine, wrong)
    assert TOKEN not in written, "secrets stay out of the process, also where the other side repeats them"


async def test_an_instance_that_repeats_the_case_gets_the_answer_of_then(
    client: ZeebeClient, engine: EmbeddedEngine, other: Orders
) -> None:
    given = {"supplier": other.url, "amount": 1, "deal": "deal-9", "customer": "ana"}
    for _ in range(2):
        instance = await client.start("order", given)
        await until(lambda: "confirmed" in engine.variables(instance), "the orders")  # noqa: B023 - awaited here
        assert engine.variables(instance)["order_number"] == "O-1"
    assert len(other.asked) == 2


def _incident(engine: EmbeddedEngine, instance: int) -> str:
    found = [one["value"] for one in engine.incidents() if one["value"]["processInstanceKey"] == instance]
    return str(found[0]["errorMessage"]) if found else ""
