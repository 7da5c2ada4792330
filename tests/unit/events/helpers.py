"""What tests of events share: a consumer that runs, waiting for what it does, reading topics and tables."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer

from tests.kafka_broker import Broker
from workers.connectors.kafka.taking import Taking
from workers.runtime.database import Pool
from workers.settings import Settings

T = TypeVar("T")
PATIENCE_SECONDS = 240.0


@asynccontextmanager
async def taking(settings: Settings, pool: Pool) -> AsyncIterator[Taking]:
    """The consumer, running."""
    stop = asyncio.Event()
    one = Taking(settings, pool, stop)
    running = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        stop.set()
        await running


async def until(answer: Callable[[], Awaitable[T | None]], what: str) -> T:
    """Wait for a condition; what it gave."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := await answer()):
        assert time.monotonic() < deadline, f"Waited for {what}."
        await asyncio.sleep(0.1)
    return found


async def rows(pool: Pool, query: str, *parameters: object) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        return await (await connection.execute(query.encode(), parameters)).fetchall()


async def read(broker: Broker, topic: str, number: int) -> list[Any]:
    """The first records of a topic, once there are so many."""
    reader = AIOKafkaConsumer(topic, bootstrap_servers=broker.address, auto_offset_reset="earliest")
    await reader.start()
    try:
        found: list[Any] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(found) < number:
                for records in (await reader.getmany(timeout_ms=500)).values():
                    found += records
        return found
    finally:
        await reader.stop()
