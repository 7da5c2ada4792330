"""Takes instances out of the read model that ended long ago, with all that belongs to them."""

from __future__ import annotations

from workers.runtime.database import Pool

BATCH = 500

_OLD = """
    WITH old AS MATERIALIZED (
        SELECT key FROM control.instances WHERE ended_at < clock_timestamp() - make_interval(days => %(days)s)
        ORDER BY ended_at LIMIT %(batch)s),
    steps AS (DELETE FROM control.elements WHERE instance_key IN (SELECT key FROM old)),
    tasks AS (DELETE FROM control.user_tasks WHERE instance_key IN (SELECT key FROM old)),
    changes AS (DELETE FROM control.modifications WHERE instance_key IN (SELECT key FROM old)),
    paths AS (DELETE FROM control.paths WHERE key IN (SELECT key FROM old)),
    reworks AS (DELETE FROM control.reworks WHERE instance_key IN (SELECT key FROM old)),
    deviations AS (DELETE FROM control.deviations WHERE instance_key IN (SELECT key FROM old)),
    troubles AS (DELETE FROM control.incidents WHERE instance_key IN (SELECT key FROM old)),
    failed AS (DELETE FROM control.jobs WHERE instance_key IN (SELECT key FROM old))
    DELETE FROM control.instances WHERE key IN (SELECT key FROM old)
"""
_OLD_DAYS = """
    DELETE FROM control.element_days WHERE day < (clock_timestamp() AT TIME ZONE 'UTC')::date - %(days)s::int
"""


class Expiring:
    """One batch is `sweep`; any number may run side by side."""

    def __init__(self, pool: Pool, days: int) -> None:
        self._pool = pool
        self._days = days

    async def sweep(self) -> int:
        """Take out one batch; how many instances went.

        Raises:
            psycopg.OperationalError: the database is away.
        """
        async with self._pool.connection() as connection:
            await connection.execute(_OLD_DAYS, {"days": self._days})
            return (await connection.execute(_OLD, {"days": self._days, "batch": BATCH})).rowcount
