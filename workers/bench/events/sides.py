"""How each side is given an event, and when that counts as having happened."""

from __future__ import annotations

import json
from collections.abc import Mapping

import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from workers.runtime.database import Pool


class ByKafka:
    """Sends CloudEvents to a topic."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic
        self.begun: dict[str, float] = {}
        """External id → the broker's own timestamp, in seconds since 1970."""

    async def __call__(self, body: Mapping[str, object]) -> str:
        """Send one; what to count the answer as."""
        event_id = str(body["external_id"])
        event = {"specversion": "1.0", "id": event_id, "source": "/bench", "type": "lead.created", "data": dict(body)}
        try:
            kept = await self._producer.send_and_wait(self._topic, json.dumps(event).encode(), event_id.encode())
        except KafkaError as error:
            return type(error).__name__
        self.begun[event_id] = kept.timestamp / 1000  # LogAppendTime, as the topic is made
        return "kept"


class ByHttp:
    """Posts leads. What counts is when each was due, which the open loop knows."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.begun: dict[str, float] = {}

    async def __call__(self, body: Mapping[str, object]) -> str:
        """Post one; what to count the answer as."""
        try:
            return str((await self._http.post("/v1/leads", json=body)).status_code)
        except httpx.TransportError as error:
            return type(error).__name__


class ByTable:
    """Writes rows of the table that is polled."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.begun: dict[str, float] = {}

    async def __call__(self, body: Mapping[str, object]) -> str:
        """Write one; what to count the answer as."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "INSERT INTO public.bench_events (lead_id) VALUES (%s)"
                " RETURNING extract(epoch FROM written_at)::float8 AS at",
                (body["external_id"],),
            )
            row = await cursor.fetchone()
        assert row is not None
        self.begun[str(body["external_id"])] = row["at"]
        return "written"
