"""The rows of `runtime.effects`: who may run a task, and what was stored by who ran it before."""

from __future__ import annotations

from typing import Any, LiteralString

from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import DictRow

from workers.runtime import tracing
from workers.runtime.errors import CaseClosed, UndoneBefore
from workers.runtime.journal import GRACE_SECONDS
from workers.runtime.task import TaskSpec
from workers.runtime.work import JobInfo

Result = dict[str, Any]  # Any: JSON


async def claim(connection: AsyncConnection[DictRow], spec: TaskSpec, job: JobInfo) -> str | None:
    """Take the effect for this transaction (None), or return what was stored by who took it before, as JSON.

    Raises:
        CaseClosed: the case was withdrawn before the effect happened.
        UndoneBefore: another element instance did it, and it was undone since.
    """
    async with connection.pipeline():  # one journey to the server for both
        await lock_case(connection, spec, job.business_id)
        cursor = await _insert(connection, spec, job, fenced=not spec.after_close)
    if cursor.rowcount == 1:
        return None
    cursor = await connection.execute(
        "SELECT coalesce(result, '{}')::text AS result, element_instance_key, traceparent, undone_at FROM runtime.effects"
        " WHERE business_id = %s AND element_id = %s AND loop_index = %s",
        (job.business_id, job.element_id, job.loop_index),
    )
    row = await cursor.fetchone()
    if row is None:
        raise CaseClosed
    if row["element_instance_key"] != job.element_instance_key:
        if row["undone_at"] is not None:
            raise UndoneBefore(spec.job_type, spec.loop)
        # A second instance of the same case relies on this effect: it must not be undone for one of them's sake alone.
        await connection.execute(
            "UPDATE runtime.effects SET completed_at = clock_timestamp()"
            " WHERE business_id = %s AND element_id = %s AND loop_index = %s AND completed_at IS NULL",
            (job.business_id, job.element_id, job.loop_index),
        )
    tracing.link(row["traceparent"], "done before")
    return str(row["result"])


async def lock_case(connection: AsyncConnection[DictRow], spec: TaskSpec, business_id: str) -> None:
    """Keep the case from being closed while this transaction of the task lasts; a task that closes it has it alone.

    The server ends the transaction if it hears nothing for longer than the task may take: a worker that hangs, or whose
    machine is gone, would else hold case and key until TCP gives it up, which may be hours.
    """
    lock: LiteralString = "pg_advisory_xact_lock" if spec.closes else "pg_advisory_xact_lock_shared"
    milliseconds = int(1000 * (spec.timeout_seconds + GRACE_SECONDS))
    # A statement of its own: only the next one's snapshot is sure to see a case that was closed while we waited.
    await connection.execute(
        f"SELECT set_config('idle_in_transaction_session_timeout', %s, true), {lock}(runtime.case_lock(%s))",
        (str(milliseconds), business_id),
    )


async def insert(connection: AsyncConnection[DictRow], spec: TaskSpec, job: JobInfo, *, fenced: bool) -> bool:
    """Insert the effect; False if it is there already, or if it is `fenced` and the case closed."""
    return (await _insert(connection, spec, job, fenced=fenced)).rowcount == 1


async def _insert(
    connection: AsyncConnection[DictRow], spec: TaskSpec, job: JobInfo, *, fenced: bool
) -> AsyncCursor[DictRow]:
    return await connection.execute(
        """
        INSERT INTO runtime.effects (business_id, element_id, loop_index, task, done_at,
                                     process_instance_key, element_instance_key, job_key, traceparent)
        SELECT %(business_id)s, %(element_id)s, %(loop_index)s, %(task)s, clock_timestamp(),
               %(process_instance_key)s, %(element_instance_key)s, %(job_key)s, %(traceparent)s
        WHERE NOT (%(fenced)s AND EXISTS (SELECT FROM runtime.closed_cases WHERE business_id = %(business_id)s))
        ON CONFLICT DO NOTHING
        """,
        {
            "business_id": job.business_id,
            "element_id": job.element_id,
            "loop_index": job.loop_index,
            "task": spec.job_type,
            "process_instance_key": job.process_instance_key,
            "element_instance_key": job.element_instance_key,
            "job_key": job.key,
            "traceparent": tracing.carried(),
            "fenced": fenced,
        },
    )
