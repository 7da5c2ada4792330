"""Events from a real broker: each has its effect once, whatever is sent and whoever dies."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.kafka_broker import Broker
from tests.unit.events.helpers import read, rows, taking, until
from workers.connectors.kafka.replaying import NoTopic, replay
from workers.connectors.kafka.taking import DEAD_SUFFIX, LAG
from workers.runtime.database import Pool
from workers.settings import Regions, Settings

Headers = list[tuple[str, bytes]]


def event(event_id: str, data: object, kind: str = "lead.created", **more: object) -> bytes:
    """A CloudEvent in structured mode."""
    return json.dumps(
        {"specversion": "1.0", "id": event_id, "source": "/crm/eu", "type": kind, "data": data, **more}
    ).encode()


def binary(event_id: str, kind: str = "lead.created") -> Headers:
    """Headers of one in binary mode."""
    return [
        ("ce_specversion", b"1.0"), ("ce_id", event_id.encode()), ("ce_source", b"/crm/eu"), ("ce_type", kind.encode()),
        ("content-type", b"application/json"),
    ]  # fmt: skip


async def leads(pool: Pool) -> dict[str, dict[str, Any]]:
    return {row["external_id"]: row["raw"] for row in await rows(pool, "SELECT external_id, raw FROM routing.leads")}


async def count(pool: Pool, number: int) -> bool:
    return len(await leads(pool)) >= number


async def test_leads_come_in_both_modes_and_a_repeat_starts_nothing(
    configured: Settings, topic: str, sender: AIOKafkaProducer, pool: Pool
) -> None:
    await sender.send_and_wait(topic, event("e1", {"external_id": "l1", "email": "ana@example.com"}), b"l1")
    await sender.send_and_wait(topic, json.dumps({"name": "Zoë"}).encode(), b"\xff\xfe", headers=binary("e2"))
    await sender.send_and_wait(topic, event("e1", {"external_id": "other"}), b"l1")  # the same event, tampered with
    await sender.send_and_wait(topic, event("e3", {"external_id": "l1"}), b"l1")  # another event, the same lead
    await sender.send_and_wait(topic, event("e4", {"anything": [1]}, "invoice.paid"), b"l1")
    async with taking(configured, pool):
        await until(lambda: count(pool, 2), "two leads")
        await until(lambda: rows(pool, "SELECT FROM runtime.events_seen WHERE event_id = 'e4'"), "the last event")
    taken = await leads(pool)
    assert taken == {
        "l1": {"external_id": "l1", "email": "ana@example.com", "source": "partner"},
        "e2": {"external_id": "e2", "name": "Zoë", "source": "partner"},
    }
    started = await rows(pool, "SELECT FROM runtime.outbox WHERE payload ->> 'name' = 'lead_received'")
    assert len(started) == 2
    assert {row["source"] for row in await rows(pool, "SELECT source FROM runtime.events_seen")} == {"kafka:/crm/eu"}


async def test_a_record_that_is_held_up_holds_up_none_of_another_partition(
    configured: Settings, topic: str, sender: AIOKafkaProducer, pool: Pool
) -> None:
    for partition, name in enumerate(("held", "free")):
        await sender.send_and_wait(topic, event(name, {"external_id": name}), partition=partition)
    async with pool.connection() as other:
        # Somebody is just writing the same lead: whoever brings it waits for what becomes of that.
        await other.execute(
            "INSERT INTO routing.leads (lead_id, source, external_id, raw, received_at, state_at)"
            " VALUES ('x', 'partner', 'held', '{}', now(), now())"
        )
        async with taking(configured, pool):
            await until(lambda: count(pool, 1), "the record of the other partition")
            assert set(await leads(pool)) == {"free"}
            await other.rollback()
            await until(lambda: count(pool, 2), "the one that was held up")


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (b"not json", [], "It is no CloudEvent"),
        (b"[1, 2]", [], "It is no CloudEvent"),
        (b'"text"', [], "It is no CloudEvent"),
        (b"", [], "A record's value has"),
        (b"\xff\xfe{}", binary("p1"), "no JSON object"),
        (b"{}", [("ce_specversion", b"1.0"), ("ce_id", b"p2")], "At fault: source, type."),
        (event("p3", {}, specversion="0.3"), [], "At fault: specversion."),
        (event("p4", [1]), [], "no JSON object"),
        (event("p5", {"email": 7}), [], "lead.created: #/email"),
        (event("p6", {"external_id": "l1"}, "lead.withdrawn"), [], "lead.withdrawn: #/why"),
        (event("p7", {"external_id": "l1", "converted": "yes"}, "lead.outcome"), [], "lead.outcome: #/converted"),
        (event("p\n8", {}), [], "Its id must have"),
        (event("p9", {"name": "a\u0000b"}), [], "U+0000"),
        (event("p10", {"country": "Germany"}), [], "belongs to the region north: send it to its gateway"),
    ],
)
async def test_poison_is_put_aside_with_its_reason_and_the_next_record_goes_on(
    configured: Settings, topic: str, sender: AIOKafkaProducer, pool: Pool, broker: Broker,
    value: bytes, headers: Headers, reason: str,
) -> None:  # fmt: skip
    configured.regions = Regions(here="alps", countries={"north": ["DE"]}, otherwise="alps")
    sent = await sender.send_and_wait(topic, value, b"k", headers=headers)
    await sender.send_and_wait(topic, event("good", {}), b"k")
    async with taking(configured, pool):
        await until(lambda: count(pool, 1), "the lead behind it")
        (dead,) = await read(broker, topic + DEAD_SUFFIX, 1)
    told = dict(dead.headers)
    assert (dead.key, dead.value) == (b"k", value)
    assert reason in told["fairlead-reason"].decode()
    assert told["fairlead-place"].decode() == f"{topic}/{sent.partition}/{sent.offset}"
    assert set(headers) <= set(dead.headers)
    assert set(await leads(pool)) == {"good"}


async def test_what_overtook_its_lead_waits_for_it(
    configured: Settings, topic: str, sender: AIOKafkaProducer, pool: Pool
) -> None:
    await sender.send_and_wait(topic, event("w", {"external_id": "l1", "why": "bought"}, "lead.withdrawn"), b"a")
    await sender.send_and_wait(topic, event("o", {"external_id": "l2", "converted": True}, "lead.outcome"), b"b")
    async with taking(configured, pool):
        await until(lambda: rows(pool, "SELECT FROM runtime.events_early OFFSET 1"), "both to wait")
        await sender.send_and_wait(topic, event("c1", {"external_id": "l1"}), b"a")
        await sender.send_and_wait(topic, event("c2", {"external_id": "l2"}), b"b")
        asked = "SELECT actor, why FROM runtime.timeline WHERE action = 'withdrawal_asked'"
        (noted,) = await until(lambda: rows(pool, asked), "the withdrawal")
        await until(
            lambda: rows(pool, "SELECT FROM routing.leads WHERE external_id = 'l2' AND converted"), "the outcome"
        )
    assert noted == {"actor": "partner", "why": "bought"}
    assert not await rows(pool, "SELECT FROM runtime.events_early")


async def test_what_waited_too_long_is_put_aside(
    configured: Settings, topic: str, sender: AIOKafkaProducer, pool: Pool, broker: Broker
) -> None:
    await sender.send_and_wait(topic, event("w", {"external_id": "never", "why": "x"}, "lead.withdrawn"), b"a")
    async with taking(configured, pool):
        await until(lambda: rows(pool, "SELECT FROM runtime.events_early"), "it to wait")
        async with pool.connection() as connection:
            await connection.execute("UPDATE runtime.events_early SET kept_at = now() - interval '25 hours'")
        (dead,) = await read(broker, topic + DEAD_SUFFIX, 1)
    assert json.loads(dead.value)["id"] == "w"
    assert b"did not come within 24 h" in dict(dead.headers)["fairlead-reason"]


async def test_a_killed_broker_and_an_uncommitted_offset_lose_and_double_nothing(
    configured: Settings, topic: str, sender: AIOKafkaProducer, pool: Pool, broker: Broker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with monkeypatch.context() as patched:

        async def lost(*_: object) -> None:
            """The consumer dies before its offset is committed."""

        patched.setattr(AIOKafkaConsumer, "commit", lost)
        await sender.send_and_wait(topic, event("e1", {}), b"1")
        async with taking(configured, pool):
            await until(lambda: count(pool, 1), "the first lead")
    async with taking(configured, pool):
        await sender.send_and_wait(topic, event("e2", {}), b"2")
        await until(lambda: count(pool, 2), "the second lead")
        await asyncio.to_thread(broker.kill)
        await asyncio.to_thread(broker.start)
        await sender.send_and_wait(topic, event("e3", {}), b"3")
        await until(lambda: count(pool, 3), "the third lead")
    started = await rows(pool, "SELECT external_id FROM runtime.outbox WHERE payload ->> 'name' = 'lead_received'")
    assert len(started) == len(await leads(pool)) == 3


async def test_the_lag_of_a_partition_is_told_by_who_has_it_alone(
    configured: Settings, topic: str, sender: AIOKafkaProducer, pool: Pool
) -> None:
    # All replicas are added up to scale by, so what went to another may not be told twice.
    await sender.send_and_wait(topic, event("first", {}), partition=0)

    def told() -> set[str]:
        return {one.labels["partition"] for one in next(iter(LAG.collect())).samples if one.labels["topic"] == topic}

    async def parted() -> bool:
        return len(told()) == 1

    async with taking(configured, pool):
        await until(lambda: count(pool, 1), "the first lead")
        everything = told()
        assert len(everything) > 1
        other = AIOKafkaConsumer(
            topic, bootstrap_servers=configured.kafka.bootstrap_servers, group_id=configured.kafka.group
        )
        await other.start()
        try:
            await until(parted, "a partition to go to the other")
            assert told() < everything
        finally:
            await other.stop()


async def test_a_stretch_of_time_is_replayed(
    configured: Settings, topic: str, sender: AIOKafkaProducer, pool: Pool
) -> None:
    now = datetime.now(UTC)
    for hours in (30, 20, 10):
        at = int((now - timedelta(hours=hours)).timestamp() * 1_000)
        await sender.send_and_wait(topic, event(f"e{hours}", {}), b"k", timestamp_ms=at)
    await sender.send_and_wait(topic, b"poison", b"k", timestamp_ms=at)
    since, until_then = now - timedelta(hours=25), now - timedelta(hours=5)
    told: list[int] = []
    assert await replay(configured, pool, topic, since, until_then, told.append) == {"started": 2, "dead": 1}
    assert set(await leads(pool)) == {"e20", "e10"}
    assert told[-1] == 3
    assert await replay(configured, pool, topic, since, until_then, told.append) == {"duplicate": 2, "dead": 1}
    assert not await replay(configured, pool, topic, now, now + timedelta(hours=1), told.append)
    with pytest.raises(NoTopic, match="TOPICS_IN"):
        await replay(configured, pool, "other", since, until_then, told.append)
