"""The outbox: effects on other systems, written in the transaction of the effect and sent after its commit."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.runtime import tracing

WAKE_UP = "fairlead_outbox"
"""The NOTIFY channel on which a commit wakes the dispatchers (trigger `wake_dispatchers`, migration 0003)."""


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
    age_seconds: float = 0.0
    """Since it was written, when it was read."""
    traceparent: str | None = None
    """The span in which it was written."""
    read_ns: int = field(default_factory=time.time_ns)
    """When it was read, in nanoseconds since 1970."""


Deliver = Callable[[OutboxRow], Awaitable[None]]
"""Sends one outbox row to where its channel leads; must be safe to repeat for the same `external_id`.

It raises TransientError, Postponed or RateLimited to be tried again, PermanentError to put the row among the dead letters.
"""

FAMILY = "*"
"""A channel whose name ends so stands for all whose names begin like it: each rests, and keeps its rows, by itself."""


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
        INSERT INTO runtime.outbox (channel, business_id, external_id, payload, traceparent)
        SELECT %(channel)s, %(business_id)s, %(external_id)s, %(payload)s, %(traceparent)s
        WHERE NOT EXISTS (
            SELECT FROM runtime.delivered WHERE channel = %(channel)s AND external_id = %(external_id)s)
        ON CONFLICT (channel, external_id) DO NOTHING
        """,
        {
            "channel": channel,
            "business_id": business_id,
            "external_id": external_id,
            "payload": Jsonb(dict(payload)),
            "traceparent": tracing.carried(),
        },
    )
    return cursor.rowcount == 1
