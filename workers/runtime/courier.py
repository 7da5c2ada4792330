"""Delivers one outbox row, and books what became of it: delivered, to be tried again, or a dead letter.

`workers.runtime.dispatcher` says which row is next; its lock on the row's key is held meanwhile.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import structlog

from workers.runtime import metrics, runbooks, tracing
from workers.runtime.answers import pause
from workers.runtime.database import Pool
from workers.runtime.errors import (
    DependencyDown,
    PermanentError,
    Postponed,
    RateLimited,
    TransientError,
    Unreachable,
)
from workers.runtime.logs import for_people
from workers.runtime.outbox import Deliver, OutboxRow
from workers.runtime.task import Retry

log = structlog.get_logger()

RETRY = Retry(tries=20, first_seconds=0.5, cap_seconds=300.0)
"""Twenty tries take 40 minutes on average, 80 at most; then the row is a dead letter."""

REST_SECONDS = 2.0
"""A channel whose receiver is away rests so long between attempts."""

DELIVER_SECONDS = 30.0
"""One delivery may take so long."""

LONGEST_REASON = 500
"""Characters of an error kept with a row."""

_COLUMNS = """
    SELECT id, channel, business_id, external_id, payload, tries, traceparent,
           extract(epoch FROM clock_timestamp() - created_at)::float AS age_seconds,
           not_before <= clock_timestamp() AS due
    FROM runtime.outbox WHERE channel = %(channel)s AND business_id = %(business_id)s"""
# The oldest row of a key, read again under its lock, as who had the lock before may have just sent it.
_HEAD = f"{_COLUMNS} ORDER BY id LIMIT 1"
# Takes a row out as delivered, and gives the key's next one.
_SENT = f"""
    WITH gone AS (DELETE FROM runtime.outbox WHERE id = %(id)s RETURNING channel, external_id, business_id),
    kept AS (INSERT INTO runtime.delivered (channel, external_id, business_id) SELECT * FROM gone ON CONFLICT DO NOTHING)
    {_COLUMNS} AND id <> %(id)s ORDER BY id LIMIT 1
"""  # noqa: S608 - the only part put in is the constant above
_DEAD = """
    WITH gone AS (DELETE FROM runtime.outbox WHERE id = %(id)s RETURNING *)
    INSERT INTO runtime.dead_letters (id, channel, business_id, external_id, payload, created_at, tries, reason, traceparent)
    SELECT id, channel, business_id, external_id, payload, created_at, tries + 1, %(reason)s, traceparent FROM gone
"""
_AGAIN = """
    UPDATE runtime.outbox SET tries = tries + %(counted)s, last_error = %(reason)s,
        not_before = clock_timestamp() + make_interval(secs => %(seconds)s)
    WHERE id = %(id)s
"""


class Courier:
    """Carries rows to where their channels lead. `pool` is best one of connections in autocommit."""

    def __init__(
        self, pool: Pool, deliveries: Mapping[str, Deliver], *, retry: Retry, runbook: Callable[[str], str]
    ) -> None:
        self._pool = pool
        self._deliveries = deliveries
        self._retry = retry
        self._runbook = runbook
        self._resting: dict[str, float] = {}
        # Rows that have arrived, which the database could not note: sent again with each try, a mail would come many times.
        self._unbooked: set[int] = set()

    def rests(self, channel: str) -> bool:
        """Whether the channel's receiver is left alone for now."""
        return self._resting.get(channel, 0) > time.monotonic()

    async def head(self, channel: str, business_id: str) -> OutboxRow | None:
        """The oldest row of a key, if it is due.

        Raises:
            psycopg.Error: the database is away.
        """
        return await self._row(_HEAD, {"channel": channel, "business_id": business_id})

    async def _row(self, query: str, parameters: Mapping[str, object]) -> OutboxRow | None:
        async with self._pool.connection() as connection:
            row = await (await connection.execute(query.encode(), parameters)).fetchone()
        if row is None or not row.pop("due"):
            return None
        return OutboxRow(**row)

    async def send(self, row: OutboxRow) -> OutboxRow | None:
        """Send a row; the next one of its key, if that is due.

        Raises:
            psycopg.Error: the database is away; the row will be sent again, or only taken out if it has arrived.
        """
        with (
            _span(row),
            structlog.contextvars.bound_contextvars(
                channel=row.channel, business_id=row.business_id, external_id=row.external_id
            ),
        ):
            try:
                if row.id not in self._unbooked:
                    async with asyncio.timeout(DELIVER_SECONDS):
                        await self._deliveries[row.channel](row)
            except (TransientError, TimeoutError, OSError) as error:
                await self._failed(row, error)
            except PermanentError as error:
                await self._bury(row, str(error), error.runbook)
            except Exception as error:
                log.exception("defect in a delivery", action="outbox_defect", reason=type(error).__name__)
                await self._bury(row, f"Defect in the delivery: {type(error).__name__}. Deploy a corrected dispatcher.")
            else:
                following = await self._delivered(row)
                _trace_end(row, "delivered")
                metrics.OUTBOX_SENT.labels(row.channel).inc()
                metrics.OUTBOX_SECONDS.labels(row.channel).observe(row.age_seconds)
                log.debug("sent", action="outbox_sent", age=round(row.age_seconds, 4))
                return following
        return await self.head(row.channel, row.business_id)

    async def _delivered(self, row: OutboxRow) -> OutboxRow | None:
        """Take a row out; the next one of its key, if that is due."""
        self._unbooked.add(row.id)
        following = await self._row(_SENT, {"id": row.id, "channel": row.channel, "business_id": row.business_id})
        self._unbooked.discard(row.id)
        return following

    async def _failed(self, row: OutboxRow, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        # A refused or broken connection says nothing about the row; a time-out may be the row's own fault.
        away = isinstance(error, Unreachable | RateLimited | OSError) and not isinstance(error, TimeoutError)
        if away:
            seconds = error.retry_after if isinstance(error, RateLimited | DependencyDown) else REST_SECONDS
            seconds *= random.uniform(1.0, 1.1)  # noqa: S311 - not all at the same moment
            self._resting[row.channel] = time.monotonic() + seconds
        elif isinstance(error, Postponed):
            seconds = error.retry_after
        elif row.tries + 1 >= self._retry.tries:
            page = error.runbook if isinstance(error, TransientError) else ""
            await self._bury(row, f"Gave up after {row.tries + 1} tries. {reason}", page)
            return
        else:
            seconds = pause(self._retry, self._retry.tries - row.tries)
        await self._execute(
            _AGAIN,
            {
                "id": row.id,
                "reason": for_people(reason)[:LONGEST_REASON],
                "seconds": seconds,
                "counted": 0 if away else 1,
            },
        )
        metrics.OUTBOX_RETRIED.labels(row.channel).inc()
        tracing.failed()
        tracing.event("retry", {"reason": type(error).__name__, "pause": round(seconds, 3)})
        log.warning("not sent, will be tried again", action="outbox_retry", reason=type(error).__name__, pause=seconds)

    async def _bury(self, row: OutboxRow, reason: str, runbook: str = "") -> None:
        address = self._runbook(runbook or runbooks.DEAD_LETTER)
        await self._execute(
            _DEAD, {"id": row.id, "reason": runbooks.signed(for_people(reason), address, LONGEST_REASON)}
        )
        tracing.failed()
        _trace_end(row, "dead_letter")
        metrics.OUTBOX_DEAD.labels(row.channel).inc()
        log.error("put among the dead letters", action="outbox_dead", row=row.id, tries=row.tries + 1)

    async def _execute(self, statement: str, parameters: Mapping[str, object]) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(statement.encode(), parameters)


def _span(row: OutboxRow) -> AbstractContextManager[None]:
    attributes: tracing.Attributes = {
        "fairlead.business_id": row.business_id,
        "fairlead.channel": row.channel,
        "fairlead.try": row.tries + 1,
    }
    return tracing.continued(row.traceparent, f"deliver {row.channel}", "producer", attributes)


def _trace_end(row: OutboxRow, outcome: str) -> None:
    """The row has left the outbox: tell how, and how long it had waited there, earlier tries included."""
    tracing.mark({"fairlead.outcome": outcome})
    tracing.waited(
        row.traceparent,
        f"wait {row.channel}",
        {"fairlead.business_id": row.business_id, "fairlead.try": row.tries + 1},
        since_ns=row.read_ns - int(row.age_seconds * 1e9),
        until_ns=row.read_ns,
    )
