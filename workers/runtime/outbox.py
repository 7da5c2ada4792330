"""The outbox: effects on other systems, written in the transaction of the effect and sent after its commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One message on its way."""

    id: int
    channel: str
    business_id: str
    external_id: str
    payload: dict[str, Any]  # Any: JSON
    tries: int
    """How often it was tried before."""


async def put(
    connection: AsyncConnection[DictRow],
    channel: str,
    business_id: str,
    external_id: str,
    payload: Mapping[str, Any],
) -> bool:
    """Put a row into the outbox in the connection's transaction; a dispatcher is woken by the commit.

    Returns False, and does nothing, if a row of that channel and external id waits already or was delivered.
    """
    cursor = await connection.execute(
        """
        INSERT INTO runtime.outbox (channel, business_id, external_id, payload)
        SELECT %(channel)s, %(business_id)s, %(external_id)s, %(payload)s
        WHERE NOT EXISTS (
            SELECT FROM runtime.delivered WHERE channel = %(channel)s AND external_id = %(external_id)s)
        ON CONFLICT (channel, external_id) DO NOTHING
        """,
        {"channel": channel, "business_id": business_id, "external_id": external_id, "payload": Jsonb(dict(payload))},
    )
    return cursor.rowcount == 1
