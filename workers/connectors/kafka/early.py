"""Events that came before the lead that they are about: kept in the database until it comes, or for some hours."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.gateway.told import Told, take


@dataclass(frozen=True, slots=True)
class Late:
    """An event that waited for too long."""

    told: Told
    place: str
    """``topic/partition/offset``."""


_COLUMNS = "source, sender, event_id, type, data"


async def keep(connection: AsyncConnection[DictRow], told: Told, external_id: str, place: str) -> None:
    """Keep an event in the caller's transaction; one that is kept already stays as it is."""
    await connection.execute(
        """
        INSERT INTO runtime.events_early (source, sender, event_id, type, data, external_id, place)
        VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
        """,
        (told.source, told.sender, told.event_id, told.type, Jsonb(dict(told.data)), external_id, place),
    )


async def take_one(connection: AsyncConnection[DictRow], *, ttl_seconds: int) -> bool:
    """Let the oldest event whose lead has come in have its effect, in the caller's transaction; False: there is none."""
    found = await connection.execute(
        f"""
        DELETE FROM runtime.events_early WHERE (sender, event_id) = (
            SELECT sender, event_id FROM runtime.events_early e
            WHERE EXISTS (SELECT FROM routing.leads l WHERE l.source = e.source AND l.external_id = e.external_id)
            ORDER BY kept_at LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING {_COLUMNS}
        """  # noqa: S608 - of our own names only
    )
    row = await found.fetchone()
    if row is None:
        return False
    await take(connection, Told(**row), ttl_seconds=ttl_seconds)
    return True


async def take_late(connection: AsyncConnection[DictRow], *, hours: float) -> Late | None:
    """Take out the oldest event that waited for so long, in the caller's transaction."""
    found = await connection.execute(
        f"""
        DELETE FROM runtime.events_early WHERE (sender, event_id) = (
            SELECT sender, event_id FROM runtime.events_early WHERE kept_at < now() - make_interval(secs => %s)
            ORDER BY kept_at LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING {_COLUMNS}, place
        """,  # noqa: S608 - of our own names only
        (hours * 3_600,),
    )
    row = await found.fetchone()
    return None if row is None else Late(place=row.pop("place"), told=Told(**row))
