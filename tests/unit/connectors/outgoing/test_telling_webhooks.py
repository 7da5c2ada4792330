"""What happens in cases is told to real receivers, by the real outbox; who is slow or dead holds up nobody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.simulators.hooks import Hooks
from tests.unit.connectors.outgoing.conftest import happen, rows, subscribe
from tests.unit.runtime.demo.waiting import until
from workers.connectors import wiring
from workers.connectors.kafka.messages import case_record
from workers.connectors.outgoing import keys, subscriptions
from workers.runtime import dispatcher as dispatching
from workers.runtime.database import Pool, open_pool
from workers.runtime.dispatcher import Dispatcher
from workers.runtime.outbox import OutboxRow, put
from workers.runtime.resources import Resources
from workers.settings import Settings


@asynccontextmanager
async def sending(settings: Settings, pool: Pool, dsn: str, told: list[str]) -> AsyncIterator[None]:
    """A dispatcher with all that connectors deliver, and a channel `other`, whose rows go to `told`."""

    async def other(row: OutboxRow) -> None:
        told.append(row.business_id)

    resources = Resources(settings, pool)
    books = await open_pool(dsn, autocommit=True)
    one = Dispatcher(dsn, books, {"other": other, **wiring.deliveries(resources)})
    running = asyncio.create_task(one.run())
    try:
        yield
    finally:
        one.stop()
        await running
        await wiring.close(resources)
        await books.close()


async def test_receivers_are_told_of_what_they_want_signed_in_order_and_with_kafkas_words(
    settings: Settings, pool: Pool, dsn: str, receivers: Hooks
) -> None:
    await happen(pool, "lead-1", "received")  # nobody listens yet
    receivers.at("all").secret = await subscribe(pool, settings, "all", f"{receivers.url}/all")
    some = await subscribe(pool, settings, "some", f"{receivers.url}/some", "fairlead.assigned")
    receivers.at("some").secret = some
    async with pool.connection() as connection:  # the old secret signs too for a while
        await subscriptions.rotate(connection, "some", keys.Safe(settings).seal(keys.made()))
    await happen(pool, "lead-1", "scored", "assigned", "accepted")
    written = await rows(pool, "SELECT * FROM runtime.outbox WHERE channel = 'webhook:all' ORDER BY id")
    async with sending(settings, pool, dsn, []):
        await until(lambda: len(receivers.at("all").events) == 3 and receivers.at("some").events, "all to be told")
        await until(lambda: _empty(pool), "the outbox to be empty")
    told = receivers.at("all").events
    assert [one["type"] for one in told] == ["fairlead.scored", "fairlead.assigned", "fairlead.accepted"]
    assert [one["type"] for one in receivers.at("some").events] == ["fairlead.assigned"]
    for row, event in zip(written, told, strict=True):
        record = case_record(row["external_id"], row["business_id"], row["payload"], region=None)
        assert event["data"] == json.loads(record.value), "Kafka's words"
        assert (event["id"], event["subject"]) == (record.headers["ce_id"].decode(), "lead-1")
    (secret,) = await rows(pool, "SELECT secret, former FROM webhooks.subscriptions WHERE name = 'some'")
    assert some.encode() not in secret["secret"] + secret["former"], "a copy of the database signs nothing"
    found = await rows(pool, "SELECT outcome, status, try FROM webhooks.attempts")
    assert [tuple(one.values()) for one in found] == [("delivered", 204, 1)] * 4


async def test_who_hangs_or_is_dead_holds_up_nobody(settings: Settings, pool: Pool, dsn: str, receivers: Hooks) -> None:
    receivers.at("slow").hangs = True
    await subscribe(pool, settings, "slow", f"{receivers.url}/slow")
    await subscribe(pool, settings, "dead", "http://127.0.0.1:1/")
    await subscribe(pool, settings, "well", f"{receivers.url}/well")
    cases = [f"lead-{number}" for number in range(3 * dispatching_places())]
    for case in cases:
        await happen(pool, case, "assigned")
    async with pool.connection() as connection:
        for case in cases:
            await put(connection, "other", case, case, {})
    told: list[str] = []
    async with sending(settings, pool, dsn, told):
        await until(lambda: receivers.at("slow").asked, "the slow one to be asked")
        await until(lambda: len(receivers.at("well").events) == len(told) == len(cases), "all others to be told")
    assert not receivers.at("slow").events
    waiting = await rows(pool, "SELECT channel, count(*) AS rows FROM runtime.outbox GROUP BY channel ORDER BY channel")
    assert [tuple(one.values()) for one in waiting] == [("webhook:dead", len(cases)), ("webhook:slow", len(cases))]


def dispatching_places() -> int:
    """How many rows of a channel are under way at a time."""
    return int((dispatching.Dispatcher.__init__.__kwdefaults__ or {})["per_channel"])


async def _empty(pool: Pool) -> bool:
    return not await rows(pool, "SELECT FROM runtime.outbox LIMIT 1")
