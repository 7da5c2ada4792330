"""Sends outbox rows: in order for each channel and business id, side by side for different ones.

Who sends for a key holds a session advisory lock on it, all locks on one connection. If the process dies the locks go
with the connection, and the next dispatcher goes on at once; a row that had been sent but not yet taken out of the
outbox is sent again, and its receiver knows it by the external id. So delivery is at least once, in order. No
transaction is open while a row is on its way.

A row that fails transiently is tried again after a pause, and the rows behind it wait. One that fails for good, or too
often, goes to `runtime.dead_letters`, and the rows behind it go on. If the receiver is away or asks for a pause, the
whole channel waits, and no tries are used up.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from workers.runtime import metrics
from workers.runtime.courier import RETRY, Courier
from workers.runtime.database import Pool, noticing
from workers.runtime.housekeeping import ended, regularly
from workers.runtime.outbox import FAMILY, WAKE_UP, Deliver
from workers.runtime.task import Retry
from workers.settings import get_settings

log = structlog.get_logger()

Key = tuple[str, str]

WATCH_SECONDS = 10.0
"""Between looks at what waits."""

_LOCK = "hashtextextended('fairlead outbox ' || channel || ' ' || business_id, 0)"
# Heads of their keys that are due, so many for each channel. What another dispatcher has in hand is left out before it
# is counted: one that hangs with all it may take would else hide everything behind it. Then the locks.
_CLAIM = f"""
    WITH held AS MATERIALIZED (
        SELECT (classid::bigint << 32) | objid::bigint AS key FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 1 AND pid <> pg_backend_pid()
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())),
    heads AS MATERIALIZED (
        SELECT head.* FROM unnest(%(channels)s::text[], %(free)s::int[]) AS wanted (channel, free)
        CROSS JOIN LATERAL (
            SELECT id, channel, business_id FROM runtime.outbox o
            WHERE o.channel = wanted.channel AND o.not_before <= clock_timestamp()
              AND (o.channel, o.business_id) NOT IN (SELECT * FROM unnest(%(busy)s::text[], %(busy_ids)s::text[]))
              AND {_LOCK} NOT IN (SELECT key FROM held)
              AND NOT EXISTS (SELECT FROM runtime.outbox earlier WHERE earlier.channel = o.channel
                              AND earlier.business_id = o.business_id AND earlier.id < o.id)
            ORDER BY o.id LIMIT wanted.free) head)
    SELECT channel, business_id FROM heads WHERE pg_try_advisory_lock({_LOCK})
"""  # noqa: S608 - the only part put in is the constant above

# Every channel of which rows wait, each by one look into the index.
_CHANNELS = """
    WITH RECURSIVE known AS (
        (SELECT channel FROM runtime.outbox ORDER BY channel LIMIT 1)
        UNION ALL
        SELECT (SELECT o.channel FROM runtime.outbox o WHERE o.channel > known.channel ORDER BY o.channel LIMIT 1)
        FROM known WHERE known.channel IS NOT NULL)
    SELECT channel FROM known WHERE channel IS NOT NULL
"""


class Dispatcher:
    """Sends what is in the outbox of some channels, until it is stopped. Any number may run side by side."""

    def __init__(
        self,
        dsn: str,
        pool: Pool,
        deliveries: Mapping[str, Deliver],
        *,
        per_channel: int = 16,
        retry: Retry = RETRY,
        poll_seconds: float = 1.0,
        lost_seconds: float = 60.0,
        runbook: Callable[[str], str] | None = None,
    ) -> None:
        """`runbook` gives the address of a page of docs/runbooks; default: as the settings of this process say. A
        dispatcher that the database has not heard of for `lost_seconds` loses its keys to the others. Channels of a
        `FAMILY` are served from when a look for them, each `poll_seconds`, finds a row of theirs.
        """
        self._dsn = noticing(dsn)
        self._pool = pool
        self._families = {name.removesuffix(FAMILY): one for name, one in deliveries.items() if name.endswith(FAMILY)}
        self._deliveries = {name: one for name, one in deliveries.items() if not name.endswith(FAMILY)}
        self._per_channel = per_channel
        self._poll_seconds = poll_seconds
        self._lost_seconds = lost_seconds
        self._courier = Courier(pool, self._deliveries, retry=retry, runbook=runbook or get_settings().runbook)
        self._sending: dict[Key, asyncio.Task[None]] = {}
        self._met_at = -math.inf
        self._wake = asyncio.Event()
        self._notices = 0
        self._stopping = False
        self.connected = asyncio.Event()
        """Set while it is connected to the database and listens."""

    async def run(self) -> None:
        """Send until `stop` is called, then finish what is on its way. The database may come and go."""
        while not self._stopping:
            try:
                async with (
                    await AsyncConnection.connect(self._dsn, autocommit=True, row_factory=dict_row) as locks,
                    await AsyncConnection.connect(self._dsn, autocommit=True) as listening,
                ):
                    await self._connected(locks, listening)
            except psycopg.Error as error:
                metrics.DATABASE_AWAY.inc()
                log.warning("database away", action="database_away", reason=type(error).__name__)
                await asyncio.sleep(random.uniform(0.2, 2.0))  # noqa: S311 - not all at the same moment

    @property
    def in_hand(self) -> int:
        """Of how many business ids rows are on their way."""
        return len(self._sending)

    def stop(self) -> None:
        """Claim no more rows."""
        self._stopping = True
        self._wake.set()

    async def _connected(self, locks: AsyncConnection[DictRow], listening: AsyncConnection[Any]) -> None:
        # Else one that hangs, or whose machine is gone, would keep its keys until TCP gives it up.
        await locks.execute(
            "SELECT set_config('idle_session_timeout', %s, false)", (str(int(1000 * self._lost_seconds)),)
        )
        listener = asyncio.create_task(self._listen(listening))
        watch = asyncio.create_task(regularly("outbox gauges", WATCH_SECONDS, self._watch))
        try:
            while not self._stopping:
                if listener.done():
                    await listener
                self._wake.clear()
                await self._meet(locks)
                if not await self._claim(locks):
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), self._poll_seconds)
            # Deliveries know their own time limit, so that this ends.
            await asyncio.gather(*self._sending.values())
        finally:
            self.connected.clear()
            tasks = [listener, watch, *self._sending.values()]
            await ended(tasks)
            self._sending.clear()

    async def _listen(self, connection: AsyncConnection[Any]) -> None:
        await connection.execute(f"LISTEN {WAKE_UP}")
        self.connected.set()
        self._wake.set()
        async for _ in connection.notifies():
            self._notices += 1
            self._wake.set()

    async def _claim(self, locks: AsyncConnection[DictRow]) -> bool:
        """Start sending for every key that is due and free. True if there may be more at once."""
        taken = Counter(channel for channel, _ in self._sending)
        free = {channel: self._per_channel - taken[channel] for channel in self._deliveries}
        wanted = {
            channel: number for channel, number in free.items() if number > 0 and not self._courier.rests(channel)
        }
        if not wanted:
            await locks.execute("SELECT")  # the server hears of us
            return False  # a key that is done wakes us
        # A key in hand is skipped by this side: for its own session the lock would count as free.
        cursor = await locks.execute(
            _CLAIM,
            {
                "channels": list(wanted),
                "free": list(wanted.values()),
                "busy": [channel for channel, _ in self._sending],
                "busy_ids": [business_id for _, business_id in self._sending],
            },
        )
        keys = [(str(row["channel"]), str(row["business_id"])) for row in await cursor.fetchall()]
        for key in keys:
            self._sending[key] = asyncio.create_task(self._send_all(locks, key))
        return any(number == wanted[channel] for channel, number in Counter(key[0] for key in keys).items())

    async def _send_all(self, locks: AsyncConnection[DictRow], key: Key) -> None:
        """Send the rows of a key, one after the other, while they are due."""
        heard = self._notices
        try:
            row = await self._courier.head(*key)
            while row is not None and self._may_send(key[0]):
                heard = self._notices
                row = await self._courier.send(row)
        except psycopg.Error as error:  # whatever was on its way will be sent, or taken out, again
            log.warning("database away", action="database_away", reason=type(error).__name__)
        finally:
            with contextlib.suppress(psycopg.Error):  # a dead connection has no locks
                await locks.execute(
                    f"SELECT pg_advisory_unlock({_LOCK}) FROM (SELECT %s::text, %s::text) AS key (channel, business_id)",  # noqa: S608
                    key,
                )
            crowded = sum(channel == key[0] for channel, _ in self._sending) >= self._per_channel
            self._sending.pop(key, None)
            # A claim costs more than a row: it is made again only if somebody waits for this place, or if news of the
            # meantime may have been about this key, which claims leave out while it is in hand.
            if crowded or heard != self._notices:
                self._wake.set()

    def _may_send(self, channel: str) -> bool:
        return not self._stopping and not self._courier.rests(channel)

    async def _watch(self) -> int:
        """Bring the gauges of what waits up to date, and say which channels nobody here serves."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT channel, count(*) AS rows, extract(epoch FROM clock_timestamp() - min(created_at))::float"
                " AS lag FROM runtime.outbox GROUP BY channel"
            )
            waiting = {str(row["channel"]): row for row in await cursor.fetchall()}
        for channel in {*self._deliveries, *waiting}:
            row = waiting.get(channel)
            metrics.OUTBOX_WAITING.labels(channel).set(row["rows"] if row else 0)
            metrics.OUTBOX_LAG.labels(channel).set(row["lag"] if row else 0)
        unserved = set(waiting) - set(self._deliveries)
        if strangers := sorted(name for name in unserved if not name.startswith(tuple(self._families))):
            log.warning("rows nobody here sends", action="outbox_strangers", channels=", ".join(strangers))
        return 0

    async def _meet(self, locks: AsyncConnection[DictRow]) -> None:
        """Serve channels of families from now on, of which rows wait; looked for once in `poll_seconds`."""
        if not self._families or time.monotonic() < self._met_at + self._poll_seconds:
            return
        self._met_at = time.monotonic()
        found = [str(row["channel"]) for row in await (await locks.execute(_CHANNELS)).fetchall()]
        for channel in set(found) - set(self._deliveries):
            for beginning, deliver in self._families.items():
                if channel.startswith(beginning):
                    metrics.from_zero(metrics.OUTBOX_DEAD, [channel])
                    self._deliveries[channel] = deliver
