"""What happens in cases is told to a real broker, in order, with ids that a repeat has again."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime

import pytest
from jsonschema import Draft7Validator

from tests.kafka_broker import Broker
from tests.unit.events.helpers import read, rows, until
from workers.connectors import wiring
from workers.connectors.kafka.contracts import TOLD, schemas
from workers.connectors.kafka.telling import CHANNEL, Telling, switch
from workers.runtime.database import Pool, open_pool
from workers.runtime.dispatcher import Dispatcher
from workers.runtime.errors import PermanentError, Unreachable
from workers.runtime.outbox import OutboxRow
from workers.runtime.resources import Resources
from workers.settings import Kafka, Regions, Settings

NOTE = "INSERT INTO runtime.timeline (business_id, actor, action, why, facts) VALUES (%s, %s, %s, %s, %s)"


async def note(pool: Pool, case: str, action: str, facts: str = "{}") -> None:
    async with pool.connection() as connection:
        await connection.execute(NOTE, (case, "system", action, "a rule", facts))


async def test_a_timeline_is_told_once_it_is_switched_on(
    configured: Settings, pool: Pool, dsn: str, broker: Broker
) -> None:
    await note(pool, "lead-1", "received")  # nobody listens yet
    async with pool.connection() as connection:
        await switch(connection, on=True)
        await switch(connection, on=True)
    for action in ("scored", "assigned", "accepted"):
        await note(pool, "lead-1", action, '{"round": 1}')
    configured.regions = Regions(here="alps")
    resources = Resources(configured, pool)
    books = await open_pool(dsn, autocommit=True)
    dispatcher = Dispatcher(dsn, books, wiring.deliveries(resources))
    running = asyncio.create_task(dispatcher.run())
    try:
        assert configured.kafka.topic_out is not None
        found = await read(broker, configured.kafka.topic_out, 3)
        await until(lambda: rows(pool, "SELECT FROM runtime.delivered OFFSET 2"), "all to be noted as delivered")
    finally:
        dispatcher.stop()
        await running
        await wiring.close(resources)
        await books.close()
    assert {record.key for record in found} == {b"lead-1"}
    headers = [{name: value.decode() for name, value in record.headers} for record in found]
    assert [one["ce_type"] for one in headers] == ["fairlead.scored", "fairlead.assigned", "fairlead.accepted"]
    assert {one["ce_subject"] for one in headers} == {"lead-1"}
    assert {one["ce_source"] for one in headers} == {"/fairlead/alps"}
    assert all(one["ce_id"].startswith("alps:timeline:") for one in headers)  # each region counts for itself
    assert len({one["ce_id"] for one in headers}) == 3
    assert datetime.fromisoformat(headers[0]["ce_time"]).tzinfo is not None
    for record in found:
        Draft7Validator(schemas()[TOLD]).validate(json.loads(record.value))
    told = json.loads(found[0].value)
    at = told.pop("at")
    assert told == {
        "case": "lead-1", "action": "scored", "actor": "system", "why": "a rule", "facts": {"round": 1},
    }  # fmt: skip
    (entry,) = await rows(pool, "SELECT at FROM runtime.timeline WHERE action = 'scored'")
    assert datetime.fromisoformat(at) == entry["at"]

    async with pool.connection() as connection:
        await switch(connection, on=False)
    await note(pool, "lead-1", "rejected")
    assert not await rows(pool, "SELECT FROM runtime.outbox")


async def test_brokers_that_are_away_and_a_broken_row(configured: Settings) -> None:
    row = OutboxRow(1, CHANNEL, "lead-1", "timeline:1", {"action": "x"}, 0)
    telling = Telling(configured.kafka)
    with pytest.raises(PermanentError, match="no event of a case"):
        await telling(row)
    away = Telling(Kafka(bootstrap_servers="127.0.0.1:1", topic_out="cases"))
    whole = {"action": "x", "at": "2026-03-01T00:00:00Z", "actor": "system", "why": "", "facts": {}}
    with pytest.raises(Unreachable, match="KafkaConnectionError"):
        await away(OutboxRow(1, CHANNEL, "lead-1", "timeline:1", whole, 0))
    await away.close()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"topics_in": {"leads": "crm"}}, "BOOTSTRAP_SERVERS"),
        ({"bootstrap_servers": "x:1", "topics_in": {"le ads": "crm"}}, "a topic has"),
        ({"bootstrap_servers": "x:1", "topics_in": {"leads": "C R M"}}, "a source has"),
        ({"bootstrap_servers": "x:1", "topics_in": {"leads": "crm"}, "topic_out": "leads"}, "both read and written"),
        ({"bootstrap_servers": "x:1", "username": "me"}, "belong together"),
    ],
)
def test_settings_that_make_no_sense(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Kafka.model_validate(given)
