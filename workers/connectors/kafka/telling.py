"""What happens in cases, told to others: each entry of a timeline becomes an event, by the outbox.

The database's trigger writes the outbox row in the transaction of the entry, so that what is told happened, and what happened
is told. Sent at least once, in the order of a case; a repeat has the same event id.
"""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.connectors.kafka.brokers import meaning, producer
from workers.connectors.kafka.messages import case_record
from workers.runtime.errors import PermanentError
from workers.runtime.outbox import OutboxRow
from workers.settings import Kafka

CHANNEL = "kafka.event"


class Telling:
    """Delivers rows of `CHANNEL`. The producer is started by the first one."""

    def __init__(self, kafka: Kafka, region: str | None = None) -> None:
        """`region`: `settings.Regions.here`."""
        self._kafka = kafka
        self._region = region
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def __call__(self, row: OutboxRow) -> None:
        """Send an event; back when all replicas have it.

        Raises:
            Unreachable: the brokers are away.
            TransientError: they refuse us.
            PermanentError: they never take this record, or the payload is not ours.
        """
        try:
            message = case_record(row.external_id, row.business_id, row.payload, self._region)
        except (KeyError, TypeError, ValueError):
            raise PermanentError("This row holds no event of a case; drop it, or correct its payload.") from None
        try:
            sender = await self._started()
            key = message.key.encode() if isinstance(message.key, str) else message.key
            await sender.send_and_wait(self._kafka.topic_out, message.value, key, headers=list(message.headers.items()))
        except KafkaError as error:
            raise meaning(error) from error

    async def close(self) -> None:
        """Close the connections; the second call does nothing."""
        if self._producer is not None:
            sender, self._producer = self._producer, None
            await sender.stop()

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                made = producer(self._kafka)
                try:
                    await made.start()
                except BaseException:
                    await made.stop()
                    raise
                self._producer = made
            return self._producer


async def switch(connection: AsyncConnection[DictRow], *, on: bool) -> None:
    """Let timelines be told from now on, or no more, in the caller's transaction."""
    if on:
        await connection.execute(
            "INSERT INTO runtime.event_channels (channel) VALUES (%s) ON CONFLICT DO NOTHING", (CHANNEL,)
        )
    else:
        await connection.execute("DELETE FROM runtime.event_channels WHERE channel = %s", (CHANNEL,))
