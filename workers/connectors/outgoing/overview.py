"""How those who are sent webhooks are doing: what the control room's page shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import AsyncConnection
from psycopg.rows import DictRow, class_row

from workers.connectors.outgoing.subscriptions import PREFIX, Attempt, shown

Connection = AsyncConnection[DictRow]

COUNTED = timedelta(hours=24)
"""Attempts of so long are counted."""

# What waits and what is dead is counted once for all, by channels; of attempts the newest come first in their index.
_READ = """
    WITH waits AS (
        SELECT channel, count(*) AS waiting, min(not_before) AS next_at,
               extract(epoch FROM clock_timestamp() - min(created_at))::float8 AS oldest
        FROM runtime.outbox WHERE starts_with(channel, %(prefix)s) GROUP BY channel
    ), letters AS (
        SELECT channel, count(*) AS dead FROM runtime.dead_letters
        WHERE starts_with(channel, %(prefix)s) AND settled_at IS NULL GROUP BY channel
    ), tried AS (
        SELECT subscription, count(*) FILTER (WHERE outcome = 'delivered') AS delivered,
               count(*) FILTER (WHERE outcome <> 'delivered') AS failed,
               percentile_cont(0.95) WITHIN GROUP (ORDER BY milliseconds) FILTER (WHERE outcome = 'delivered') AS p95
        FROM webhooks.attempts WHERE at >= clock_timestamp() - %(counted)s GROUP BY subscription
    )
    SELECT s.name, s.url, s.types, s.enabled, s.why, s.changed_at, coalesce(w.waiting, 0) AS waiting, w.next_at, w.oldest,
           coalesce(l.dead, 0) AS dead, coalesce(t.delivered, 0) AS delivered, coalesce(t.failed, 0) AS failed,
           t.p95 / 1000 AS p95,
           (SELECT a.at FROM webhooks.attempts a WHERE a.subscription = s.name AND a.outcome = 'delivered'
            ORDER BY a.id DESC LIMIT 1) AS delivered_at,
           newest.outcome AS outcome, newest.said AS said, newest.at AS tried_at
    FROM webhooks.subscriptions s
    LEFT JOIN waits w ON w.channel = %(prefix)s || s.name
    LEFT JOIN letters l ON l.channel = %(prefix)s || s.name
    LEFT JOIN tried t ON t.subscription = s.name
    LEFT JOIN LATERAL (SELECT a.outcome, a.said, a.at FROM webhooks.attempts a WHERE a.subscription = s.name
                       ORDER BY a.id DESC LIMIT 1) AS newest ON true
    ORDER BY s.name
"""
_ATTEMPTS = """
    SELECT id, subscription, event_id, type, business_id, try AS try_, at, milliseconds, status, outcome, said
    FROM webhooks.attempts
    WHERE (%(name)s::text IS NULL OR subscription = %(name)s) {which} ORDER BY id DESC LIMIT %(limit)s
"""
_FAILED = "AND outcome <> 'delivered'"  # as the index says it


@dataclass(frozen=True, slots=True)
class Told:
    """One that is sent webhooks, and how that goes."""

    name: str
    url: str
    types: list[str] | None
    """Of events; None: all."""
    enabled: bool
    why: str
    """Why it is not enabled."""
    changed_at: datetime
    waiting: int
    next_at: datetime | None
    """When the first of those that wait is tried next."""
    oldest: float | None
    """Age in seconds of the one that waits longest."""
    dead: int
    """Dead letters that nobody has settled."""
    delivered: int
    """Within `COUNTED`; `failed` too, each try by itself."""
    failed: int
    p95: float | None
    """Of what was delivered within `COUNTED`, in seconds until the receiver answered."""
    delivered_at: datetime | None
    """When something was delivered last, as far back as attempts are kept."""
    outcome: str | None
    """Of the last try; None: there was none."""
    said: str | None
    tried_at: datetime | None

    @property
    def failing(self) -> bool:
        """Whether the last try failed."""
        return self.enabled and self.outcome not in {None, "delivered"}

    @property
    def shown_url(self) -> str:
        """See `subscriptions.shown`."""
        return shown(self.url)


@dataclass(frozen=True, slots=True)
class Listed(Attempt):
    """An attempt, by the number under which it can be chosen."""

    id: int


async def read(connection: Connection) -> list[Told]:
    """All subscriptions, by their names."""
    async with connection.cursor(row_factory=class_row(Told)) as found:
        await found.execute(_READ.encode(), {"prefix": PREFIX, "counted": COUNTED})
        return await found.fetchall()


async def attempts(connection: Connection, name: str | None, *, failed: bool, limit: int) -> list[Listed]:
    """The latest attempts first, of one subscription or of all; with `failed` those that delivered nothing."""
    async with connection.cursor(row_factory=class_row(Listed)) as found:
        query = _ATTEMPTS.format(which=_FAILED if failed else "")
        await found.execute(query.encode(), {"name": name, "limit": limit})
        return await found.fetchall()


async def events_of(connection: Connection, attempt_ids: frozenset[int]) -> list[tuple[str, str]]:
    """Subscription and event of attempts, each pair once, the oldest first."""
    cursor = await connection.execute(
        "SELECT subscription, event_id FROM webhooks.attempts WHERE id = ANY(%s)"
        " GROUP BY subscription, event_id ORDER BY min(id)",
        (sorted(attempt_ids),),
    )
    return [(row["subscription"], row["event_id"]) for row in await cursor.fetchall()]
