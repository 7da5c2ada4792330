"""The audit trail: who did what to which target, when and why. Variables' values never go into it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.operations.model import Json
from workers.runtime.database import Pool

POLICY = "policy:"
"""Actors of this prefix are rules of self-healing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing done to one target."""

    id: int
    at: datetime
    actor: str
    action: str
    target: str
    subject: str
    business_id: str
    why: str
    before: Json
    after: Json
    outcome: str | None
    """None: it was cut short, and may have taken effect."""
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and why."""

    name: str
    why: str


async def begin(
    connection: AsyncConnection[DictRow],
    actor: Actor,
    action: str,
    *,
    target: str,
    subject: str,
    business_id: str,
    before: Json,
) -> int:
    """Write down what is about to be done; the entry's id. Commit it before an action outside the database."""
    cursor = await connection.execute(
        "INSERT INTO runtime.audit (actor, action, target, subject, business_id, why, before)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id",
        (actor.name, action, target, subject, business_id, actor.why, Jsonb(before)),
    )
    row = await cursor.fetchone()
    assert row is not None  # RETURNING
    return int(row["id"])


async def settle(connection: AsyncConnection[DictRow], entry: int, outcome: str, after: Json) -> None:
    """Write down how it went; possible once."""
    await connection.execute(
        "UPDATE runtime.audit SET outcome = %s, after = %s, settled_at = clock_timestamp() WHERE id = %s",
        (outcome, Jsonb(after), entry),
    )


async def entries(
    pool: Pool,
    *,
    actor: str | None = None,
    business_id: str | None = None,
    action: str | None = None,
    since: datetime | None = None,
    limit: int = 50,
) -> list[Entry]:
    """Entries, latest first; `action` may be a beginning such as ``incident``, `actor` one such as ``policy:``."""
    query = """
        SELECT * FROM runtime.audit
        WHERE (%(actor)s::text IS NULL OR starts_with(actor, %(actor)s))
          AND (%(action)s::text IS NULL OR starts_with(action, %(action)s))
          AND (%(business_id)s::text IS NULL OR business_id = %(business_id)s)
          AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
        ORDER BY id DESC LIMIT %(limit)s
    """
    wanted = {"actor": actor, "action": action, "business_id": business_id, "since": since, "limit": limit}
    async with pool.connection() as connection:
        rows = await (await connection.execute(query, wanted)).fetchall()
    return [Entry(**row) for row in rows]
