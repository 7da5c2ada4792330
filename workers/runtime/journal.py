"""Which jobs this process has in hand, kept in `runtime.deliveries`.

A row is written before a job's task runs, and taken out after the engine has confirmed the job's completion. So a job
that kills its worker is counted at each delivery, and an effect that was committed but never confirmed can be found
(`workers.runtime.orphans`). It costs healthy jobs one small statement, which those that arrive together share: it is
committed without waiting for the disk, and takes out the rows of the jobs confirmed before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.runtime import metrics, tracing
from workers.runtime.database import Pool
from workers.runtime.errors import PoisonJob
from workers.runtime.work import JobInfo

log = structlog.get_logger()

GRACE_SECONDS = 15.0
"""How much longer than the task's own deadline the engine lets a job be: for its wait, commit and answer."""

SUSPECT_DELIVERIES = 3
"""From this delivery on a job runs apart from other such jobs, and counts as delivered only when its turn has come: of
all that were in hand when a worker died one is to blame, and the others must not reach the limit with it."""

LATE_SECONDS = 30.0
"""So long after a job's time-out it counts as left behind."""

FLUSH_SECONDS = 1.0
"""Confirmed jobs leave the table by the next job's statement, or after this time."""

_TAKEN = """
    WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
         gone AS (DELETE FROM runtime.deliveries WHERE job_key = ANY(%(confirmed)s))
    INSERT INTO runtime.deliveries AS known (
        job_key, task, business_id, element_id, loop_index, process_instance_key, element_instance_key,
        process_definition_key, look_at)
    SELECT key, task, business, element, loop, instance, element_instance, definition,
           clock_timestamp() + make_interval(secs => seconds)
    FROM quick, unnest(%(key)s::bigint[], %(job_type)s::text[], %(business_id)s::text[], %(element_id)s::text[],
                       %(loop_index)s::text[], %(process_instance_key)s::bigint[], %(element_instance_key)s::bigint[],
                       %(process_definition_key)s::bigint[], %(seconds)s::float8[])
         AS job (key, task, business, element, loop, instance, element_instance, definition, seconds)
    ON CONFLICT (job_key) DO UPDATE
    SET deliveries = known.deliveries + 1, taken_at = clock_timestamp(), look_at = excluded.look_at, gone_at = NULL
    RETURNING job_key, deliveries
"""
_GONE = """
    INSERT INTO runtime.deliveries AS known (
        job_key, task, business_id, element_id, loop_index, process_instance_key, element_instance_key,
        process_definition_key, look_at, gone_at)
    VALUES (%(key)s, %(job_type)s, %(business_id)s, %(element_id)s, %(loop_index)s, %(process_instance_key)s,
            %(element_instance_key)s, %(process_definition_key)s, clock_timestamp(), clock_timestamp())
    ON CONFLICT (job_key) DO UPDATE SET gone_at = clock_timestamp(), look_at = clock_timestamp()
"""


@dataclass(eq=False, slots=True)
class _Arrived:
    """A job that waits to be counted."""

    job: JobInfo
    seconds: float
    """From now until somebody has to look at what became of it."""
    deliveries: int | None = None


class Journal:
    """The jobs in hand of one process."""

    def __init__(self, pool: Pool, max_deliveries: int = 5) -> None:
        self._pool = pool
        self._max_deliveries = max_deliveries
        self._open: dict[int, int] = {}  # how often each job was delivered when we took it
        self._confirmed: set[int] = set()
        self._arrived: list[_Arrived] = []
        self._counting = asyncio.Lock()
        self._suspects = asyncio.Lock()
        self._flushing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def writing(
        self, job: JobInfo, timeout_seconds: float
    ) -> AsyncIterator[tuple[AsyncConnection[DictRow], int]]:
        """Around a task with a transaction: its connection, on which the job was noted, and how often it was delivered.

        Raises:
            psycopg.OperationalError: the database is away.
        """
        async with self._pool.connection() as connection:
            deliveries = await self.taken(connection, job, timeout_seconds)
            if deliveries < SUSPECT_DELIVERIES:
                yield connection, deliveries
                return
            await self._not_begun(connection, job)
        async with self._suspects, self._pool.connection() as connection:
            yield connection, await self._counted(connection, job, timeout_seconds)

    @asynccontextmanager
    async def reading(self, job: JobInfo, timeout_seconds: float) -> AsyncIterator[int]:
        """Around a task without a transaction: how often its job was delivered."""
        deliveries = 1
        try:
            async with self._pool.connection() as connection:
                deliveries = await self.taken(connection, job, timeout_seconds)
                if deliveries >= SUSPECT_DELIVERIES:
                    await self._not_begun(connection, job)
        except psycopg.OperationalError as error:  # a task that only reads may not need our database at all
            log.info("delivery not counted", action="delivery_uncounted", reason=type(error).__name__)
        if deliveries < SUSPECT_DELIVERIES:
            yield deliveries
            return
        async with self._suspects:
            async with self._pool.connection() as connection:
                deliveries = await self._counted(connection, job, timeout_seconds)
            yield deliveries

    async def taken(self, connection: AsyncConnection[DictRow], job: JobInfo, timeout_seconds: float) -> int:
        """Note that a job's task is about to run; how often it was delivered since its last answer, this time included.

        The connection must be outside of a transaction. `timeout_seconds` is the task's own deadline.
        """
        deliveries = await self._counted(connection, job, timeout_seconds)
        if deliveries > 1:
            metrics.JOBS_REDELIVERED.labels(job.job_type).inc()
            tracing.event("redelivered", {"deliveries": deliveries})
            log.warning("delivered before without an answer", action="job_redelivered", deliveries=deliveries)
        return deliveries

    async def _counted(self, connection: AsyncConnection[DictRow], job: JobInfo, timeout_seconds: float) -> int:
        arrived = _Arrived(job, timeout_seconds + GRACE_SECONDS + LATE_SECONDS)
        self._arrived.append(arrived)
        try:
            async with self._counting:
                if arrived.deliveries is None:
                    await self._count_together(connection, arrived)
        finally:
            self._arrived.remove(arrived)
        assert arrived.deliveries is not None  # an upsert always returns its row
        return arrived.deliveries

    async def _not_begun(self, connection: AsyncConnection[DictRow], job: JobInfo) -> None:
        """Not to count a suspect before its turn: should the worker die until then, another one did it."""
        async with _autocommit(connection):
            await connection.execute(
                "UPDATE runtime.deliveries SET deliveries = deliveries - 1 WHERE job_key = %s", (job.key,)
            )
        if job.key in self._open:  # its twin in this process may have been answered meanwhile
            self._open[job.key] -= 1

    async def _count_together(self, connection: AsyncConnection[DictRow], first: _Arrived) -> None:
        """Count `first` and all jobs that arrived while the statement before was under way, by one statement."""
        waiting = [one for one in self._arrived if one.deliveries is None]
        together = {one.job.key: one for one in [*waiting, first]}  # of the same job twice, one has to wait
        batch = [together[key] for key in sorted(together)]  # in one order, so that two workers can't block each other
        try:
            await self._count(connection, batch)
        except psycopg.Error:
            if len(batch) == 1:
                raise
            await self._count(connection, [first])  # another one may be to blame, and has its own turn

    async def _count(self, connection: AsyncConnection[DictRow], batch: list[_Arrived]) -> None:
        # What comes again is in hand again; and PostgreSQL promises nothing for a row touched twice in one statement.
        confirmed, self._confirmed = self._confirmed - {one.job.key for one in batch}, set()
        named = [_named(one.job) for one in batch]
        given: dict[str, object] = {column: [one[column] for one in named] for column in named[0]}
        try:
            async with _autocommit(connection):
                cursor = await connection.execute(
                    _TAKEN, given | {"confirmed": sorted(confirmed), "seconds": [one.seconds for one in batch]}
                )
                rows = await cursor.fetchall()
        except BaseException:
            self._confirmed |= confirmed
            raise
        counted = {int(row["job_key"]): int(row["deliveries"]) for row in rows}
        for one in batch:
            one.deliveries = counted[one.job.key]
        self._open |= counted

    def judge(self, job: JobInfo, deliveries: int) -> None:
        """Refuse to run a job that was delivered too often.

        Raises:
            PoisonJob: it was.
        """
        if deliveries > self._max_deliveries:
            metrics.JOBS_POISON.labels(job.job_type).inc()
            raise PoisonJob(job.job_type, deliveries - 1)

    def confirmed(self, job_key: int) -> None:
        """The engine has taken the job's completion, so that it will never come again."""
        if job_key not in self._open:
            return
        del self._open[job_key]
        self._confirmed.add(job_key)
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush_later())

    async def stands(self, job: JobInfo) -> None:
        """The engine has taken a completion from the stored result: the effect, a twin's, is to stay."""
        try:
            async with self._pool.connection(timeout=1.0) as connection:
                await connection.execute(
                    "UPDATE runtime.effects SET completed_at = clock_timestamp()"
                    " WHERE business_id = %s AND element_id = %s AND loop_index = %s AND element_instance_key = %s",
                    (job.business_id, job.element_id, job.loop_index, job.element_instance_key),
                )
        except psycopg.Error as error:  # then the twin, if its completion is refused, has to ask the engine's search
            log.info("completion not noted", action="completion_unnoted", reason=type(error).__name__)

    async def answered(self, job_key: int, *, committed: bool) -> None:
        """The job is about to be given back, or to become an incident or a BPMN error: it did not kill its worker.

        If its effect was `committed`, or may have been, the row stays, as nobody can know yet whether the job will be
        completed; it stays too if somebody else was given the job since. Without the database the count stays one too high.
        """
        deliveries = self._open.pop(job_key, None)
        if deliveries is None:
            return
        statement = (
            "UPDATE runtime.deliveries SET deliveries = 0 WHERE job_key = %s AND deliveries = %s"
            if committed
            else "DELETE FROM runtime.deliveries WHERE job_key = %s AND deliveries = %s"
        )
        try:
            async with self._pool.connection(timeout=1.0) as connection:
                await connection.execute(statement, (job_key, deliveries))
        except psycopg.Error as error:
            log.info("delivery stays counted", action="delivery_uncounted", reason=type(error).__name__)

    async def gone(self, job: JobInfo) -> None:
        """The engine did not know the job when it was completed, though its effect was committed.

        Raises:
            psycopg.OperationalError: the database is away. The row written before is found when it is overdue.
        """
        self._open.pop(job.key, None)
        async with self._pool.connection() as connection:
            await connection.execute(_GONE, _named(job))

    async def close(self) -> None:
        """Take out what was confirmed, before the process ends."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
        await self._flush()

    async def _flush_later(self) -> None:
        while self._confirmed:
            await asyncio.sleep(FLUSH_SECONDS)
            await self._flush()

    async def _flush(self) -> None:
        confirmed, self._confirmed = self._confirmed, set()
        if not confirmed:
            return
        try:
            async with self._pool.connection(timeout=1.0) as connection:
                await connection.execute("DELETE FROM runtime.deliveries WHERE job_key = ANY(%s)", (sorted(confirmed),))
        except psycopg.Error as error:  # they are taken out later; until then they look as if still in hand
            self._confirmed |= confirmed
            log.info("confirmed jobs kept for later", action="journal_waits", reason=type(error).__name__)
        except asyncio.CancelledError:
            self._confirmed |= confirmed
            raise


@asynccontextmanager
async def _autocommit(connection: AsyncConnection[DictRow]) -> AsyncIterator[None]:
    await connection.set_autocommit(True)
    try:
        yield
    finally:
        if not connection.closed:
            await connection.set_autocommit(False)


def _named(job: JobInfo) -> dict[str, object]:
    return {
        "key": job.key,
        "job_type": job.job_type,
        "business_id": job.business_id,
        "element_id": job.element_id,
        "loop_index": job.loop_index,
        "process_instance_key": job.process_instance_key,
        "element_instance_key": job.element_instance_key,
        "process_definition_key": job.process_definition_key,
    }
