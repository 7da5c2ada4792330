"""Events of a stretch of time, taken again: what had its effect is known by its id, so only what had none has one now."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from workers.connectors.kafka.brokers import common, consumer
from workers.connectors.kafka.messages import Record, Unfit
from workers.connectors.kafka.taking import AT_ONCE, DEAD, WAIT_MS, Taker
from workers.runtime.database import Pool
from workers.settings import Kafka, Settings


class NoTopic(LookupError):
    """The brokers have no such topic, or the settings name no source for it; the message says which."""


async def replay(
    settings: Settings, pool: Pool, topic: str, since: datetime, until: datetime, tell: Callable[[int], object]
) -> Counter[str]:
    """Take the records of a topic whose time lies in [since, until) once more; how many became what.

    The group's offsets stay as they are, and what can't be used is only counted. `tell` is given the number of records
    after each batch.

    Raises:
        NoTopic: there is none of that name.
        KafkaError: the brokers are away, or refuse us.
        NotConnected: no brokers are named.
    """
    if topic not in settings.kafka.topics_in:
        raise NoTopic(f"{topic} is none of FAIRLEAD_KAFKA__TOPICS_IN, so its leads have no source.")
    became: Counter[str] = Counter()
    taker = Taker(settings, pool, asyncio.Event())
    places = await _places(settings.kafka, topic)
    source = consumer(settings.kafka, group=None)
    await source.start()
    try:
        source.assign(places)
        ends = await source.end_offsets(places)
        first = await source.offsets_for_times(dict.fromkeys(places, _milliseconds(since)))
        open_places = set()
        for place in places:
            if (found := first[place]) is not None and found.offset < ends[place]:
                source.seek(place, found.offset)
                open_places.add(place)
            else:
                source.pause(place)
        while open_places:
            got: Mapping[TopicPartition, Sequence[Record]] = await source.getmany(
                timeout_ms=WAIT_MS, max_records=AT_ONCE
            )
            for records in got.values():
                for record in records:
                    if _milliseconds(since) <= record.timestamp < _milliseconds(until):
                        became[await _again(taker, record)] += 1
            tell(became.total())
            for place in tuple(open_places):
                if await source.position(place) >= ends[place]:
                    open_places.remove(place)
                    source.pause(place)
    finally:
        await source.stop()
    return became


async def _again(taker: Taker, record: Record) -> str:
    try:
        return await taker.take(record)
    except Unfit:
        return DEAD


async def _places(kafka: Kafka, topic: str) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(**common(kafka))
    await admin.start()
    try:
        if topic not in await admin.list_topics():
            raise NoTopic(f"The brokers have no topic {topic}.")
        (described,) = await admin.describe_topics([topic])
    finally:
        await admin.close()
    return [TopicPartition(topic, number) for number in sorted(one["partition"] for one in described["partitions"])]


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000)
