"""The alternatives, without once-only: what one writes at first. Each is a process of its own.

``python -m workers.bench.events.plain loop TOPIC`` takes events from Kafka as aiokafka's documentation shows it and publishes
each by pyzeebe; ``… poll SECONDS`` looks into a table now and then, and publishes what is new. A crash loses events of the
first (offsets are committed by the clock), and repeats them with the second.
"""

from __future__ import annotations

import asyncio
import json
import sys

from aiokafka import AIOKafkaConsumer
from psycopg import AsyncConnection
from pyzeebe import ZeebeClient, create_insecure_channel

from workers.settings import Settings, get_settings

MESSAGE = "lead_received"
"""Which starts lead routing."""
TABLE = """
    CREATE TABLE IF NOT EXISTS public.bench_events (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, lead_id text NOT NULL,
        written_at timestamptz NOT NULL DEFAULT clock_timestamp(), taken boolean NOT NULL DEFAULT false)
"""
"""What is polled."""
ALIVE_MS = 3_600_000


async def loop(settings: Settings, topic: str) -> None:
    """Publish a message for each record of a topic."""
    zeebe = ZeebeClient(create_insecure_channel(settings.zeebe_address))
    brokers = settings.kafka.bootstrap_servers
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=brokers, group_id="plain", auto_offset_reset="earliest")
    await consumer.start()
    try:
        async for record in consumer:
            await _publish(zeebe, json.loads(record.value)["data"]["external_id"])
    finally:
        await consumer.stop()


async def poll(settings: Settings, seconds: float) -> None:
    """Publish a message for each new row, every so many seconds."""
    zeebe = ZeebeClient(create_insecure_channel(settings.zeebe_address))
    async with await AsyncConnection.connect(settings.dsn, autocommit=True) as connection:
        while True:
            cursor = await connection.execute("SELECT id, lead_id FROM public.bench_events WHERE NOT taken ORDER BY id")
            for number, lead_id in await cursor.fetchall():
                await _publish(zeebe, lead_id)
                await connection.execute("UPDATE public.bench_events SET taken = true WHERE id = %s", (number,))
            await asyncio.sleep(seconds)


async def _publish(zeebe: ZeebeClient, lead_id: str) -> None:
    await zeebe.publish_message(
        name=MESSAGE,
        correlation_key=lead_id,
        variables={"lead_id": lead_id, "received_at": "2026-01-01T00:00:00Z"},
        time_to_live_in_milliseconds=ALIVE_MS,
    )


def main() -> None:
    """Entry point of the process."""
    kind, given = sys.argv[1:]
    settings = get_settings()
    asyncio.run(loop(settings, given) if kind == "loop" else poll(settings, float(given)))


if __name__ == "__main__":
    main()
