"""Rows that have had their time, taken out in small batches; `workers.settings.Retention` says when.

A case's effects go all together, and only when the newest of them is old and nothing of the case is on its way: a key
protects against repeats, and its record is what a compensation undoes, for as long as the case's instance lives. What
people decide on or look up (dead letters, timeline, audit, orphans that wait) stays.
"""

from __future__ import annotations

from workers.runtime import metrics
from workers.runtime.database import Pool
from workers.settings import Retention

BATCH = 1_000

_EFFECTS = """
    WITH old AS (
        SELECT business_id FROM runtime.effects e
        WHERE done_at < clock_timestamp() - make_interval(days => %(effects_days)s)
          AND NOT EXISTS (SELECT FROM runtime.effects newer WHERE newer.business_id = e.business_id
                          AND newer.done_at >= clock_timestamp() - make_interval(days => %(effects_days)s))
          AND NOT EXISTS (SELECT FROM runtime.outbox o WHERE o.business_id = e.business_id)
          AND NOT EXISTS (SELECT FROM runtime.deliveries d WHERE d.business_id = e.business_id)
        ORDER BY done_at LIMIT %(batch)s)
    DELETE FROM runtime.effects WHERE business_id IN (SELECT business_id FROM old)
"""
_CLOSED = """
    DELETE FROM runtime.closed_cases WHERE business_id IN (
        SELECT business_id FROM runtime.closed_cases c
        WHERE closed_at < clock_timestamp() - make_interval(days => %(effects_days)s)
          AND NOT EXISTS (SELECT FROM runtime.effects e WHERE e.business_id = c.business_id) LIMIT %(batch)s)
"""
_DELIVERED = """
    DELETE FROM runtime.delivered WHERE (channel, external_id) IN (
        SELECT channel, external_id FROM runtime.delivered
        WHERE delivered_at < clock_timestamp() - make_interval(days => %(delivered_days)s) LIMIT %(batch)s)
"""
# Jobs that were taken, had no effect and never came back: their instances are gone.
_LEFT = """
    DELETE FROM runtime.deliveries WHERE job_key IN (
        SELECT job_key FROM runtime.deliveries d
        WHERE taken_at < clock_timestamp() - make_interval(days => %(deliveries_days)s)
          AND NOT EXISTS (SELECT FROM runtime.effects e WHERE (e.business_id, e.element_id, e.loop_index)
                                                            = (d.business_id, d.element_id, d.loop_index))
        LIMIT %(batch)s)
"""
_TOLD = """
    DELETE FROM runtime.told WHERE subject IN (
        SELECT subject FROM runtime.told
        WHERE told_at < clock_timestamp() - make_interval(days => %(effects_days)s) LIMIT %(batch)s)
"""
_SEEN = """
    DELETE FROM runtime.events_seen WHERE (source, event_id) IN (
        SELECT source, event_id FROM runtime.events_seen
        WHERE seen_at < clock_timestamp() - make_interval(days => %(delivered_days)s) LIMIT %(batch)s)
"""
_HEALED = """
    DELETE FROM healing.cases WHERE (subject, symptom) IN (
        SELECT subject, symptom FROM healing.cases
        WHERE ended_at < clock_timestamp() - make_interval(days => %(effects_days)s) LIMIT %(batch)s)
"""
_CHOICES = """
    DELETE FROM runtime.version_choices WHERE process_instance_key IN (
        SELECT process_instance_key FROM runtime.version_choices c
        WHERE chosen_at < clock_timestamp() - make_interval(days => %(effects_days)s)
          AND NOT EXISTS (SELECT FROM runtime.effects e WHERE e.business_id = c.business_id) LIMIT %(batch)s)
"""
_ATTEMPTS = """
    DELETE FROM webhooks.attempts WHERE id IN (
        SELECT id FROM webhooks.attempts
        WHERE at < clock_timestamp() - make_interval(days => %(delivered_days)s) ORDER BY at LIMIT %(batch)s)
"""
# What was written into another system, but for the version that is worked with there.
_PUBLISHED = """
    DELETE FROM sync.changes WHERE id IN (
        SELECT id FROM sync.changes c
        WHERE settled AND began_at < clock_timestamp() - make_interval(days => %(effects_days)s)
          AND EXISTS (SELECT FROM sync.changes newer
                      WHERE (newer.system, newer.what, newer.scope) = (c.system, c.what, c.scope)
                        AND newer.state = 'delivered' AND newer.id > c.id)
        LIMIT %(batch)s)
"""
_SILENT = """
    DELETE FROM runtime.programs WHERE id IN (
        SELECT id FROM runtime.programs WHERE seen_at < clock_timestamp() - interval '1 day' LIMIT %(batch)s)
"""
_TABLES = {
    "effects": _EFFECTS,
    "closed_cases": _CLOSED,
    "delivered": _DELIVERED,
    "deliveries": _LEFT,
    "told": _TOLD,
    "events_seen": _SEEN,
    "healing_cases": _HEALED,
    "version_choices": _CHOICES,
    "webhook_attempts": _ATTEMPTS,
    "sync_changes": _PUBLISHED,
    "programs": _SILENT,
}


class Expiry:
    """Takes out what has had its time; any number may run side by side."""

    def __init__(self, pool: Pool, retention: Retention) -> None:
        self._pool = pool
        self._retention = retention

    async def sweep(self) -> int:
        """Take out one batch of each kind, each in a transaction of its own; how many rows went.

        Raises:
            psycopg.OperationalError: the database is away.
        """
        gone = 0
        for table, statement in _TABLES.items():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(statement.encode(), {**self._retention.model_dump(), "batch": BATCH})
            metrics.ROWS_EXPIRED.labels(table).inc(cursor.rowcount)
            gone += cursor.rowcount
        return gone
