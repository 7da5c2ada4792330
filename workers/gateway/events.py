"""Events of other systems: each has its effect once, however often it is sent."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import AsyncConnection
from psycopg.rows import DictRow


async def first_seen(connection: AsyncConnection[DictRow], source: str, event_ids: Iterable[str]) -> set[str]:
    """Note events in the connection's transaction, and say which of them were never noted before.

    Of two requests with the same event at once the second waits for the first; if that fails, it is the first.
    """
    cursor = await connection.execute(
        """
        INSERT INTO runtime.events_seen (source, event_id) SELECT %s, * FROM unnest(%s::text[])
        ON CONFLICT DO NOTHING RETURNING event_id
        """,
        # In one order, so that two requests with the same events never wait for each other.
        (source, sorted(set(event_ids))),
    )
    return {row["event_id"] for row in await cursor.fetchall()}
