"""Effects whose job was cancelled under them: committed, but their element was ended before the job was completed.

The engine does not compensate an activity that was interrupted while its job ran. Completing the job is then answered
NOT_FOUND; but so is completing a job that a twin, or our own earlier attempt whose answer got lost, has completed. Only
the engine knows which it was: did the element instance end as completed, or as terminated? So nothing is undone before
an `ElementStates` has said "terminated"; until then the row in `runtime.deliveries` waits, and shows in
`fairlead_orphans`. Without one (gRPC alone) only what our own tables prove is settled.

An engine that dies may also forget an element instance whose job it has handed out (`workers.runtime.zeebe.contact`).
Usually it comes to the element again, under another key, and relies on the effect. If it took another way, the process
instance ends without the element instance ever having been: then the effect is undone as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import structlog

from workers.runtime import discovery, effects, metrics, tracing
from workers.runtime.discovery import ROOT
from workers.runtime.resources import Resources
from workers.runtime.task import TaskSpec
from workers.runtime.unit import undo
from workers.runtime.work import JobInfo

log = structlog.get_logger()

Ended = Literal["completed", "terminated", "unknown"]
"""How an element instance ended; ``unknown``: its process instance is over, and never had it."""

BATCH = 100

CERTAIN_LOOKS = 3
"""From this look on, about a minute after the first, "unknown" is believed: the view gets its knowledge piece by piece."""

# Rows are put off as they are taken, doubling from 10 s to an hour: so several dispatchers never look at the same one,
# and one that can't be decided yet costs little.
_DUE = """
    WITH due AS (
        SELECT job_key FROM runtime.deliveries WHERE look_at <= clock_timestamp()
        ORDER BY look_at LIMIT %s FOR UPDATE SKIP LOCKED),
    taken AS (
        UPDATE runtime.deliveries d
        SET looks = looks + 1, look_at = clock_timestamp() + make_interval(secs => least(3600, 10 * 2 ^ least(looks, 9)))
        FROM due WHERE d.job_key = due.job_key RETURNING d.*)
    SELECT taken.job_key AS key, taken.task AS job_type, taken.element_id, taken.business_id, taken.loop_index,
           taken.process_instance_key, taken.element_instance_key, taken.process_definition_key,
           taken.gone_at IS NOT NULL AS gone, taken.looks, e.task IS NOT NULL AS committed,
           coalesce(e.undone_at IS NOT NULL OR e.completed_at IS NOT NULL
                    OR e.element_instance_key <> taken.element_instance_key, false) AS settled
    FROM taken LEFT JOIN runtime.effects e USING (business_id, element_id, loop_index)
"""
_WAITING = """
    SELECT count(*) AS waiting FROM runtime.deliveries d
    JOIN runtime.effects e USING (business_id, element_id, loop_index)
    WHERE (d.gone_at IS NOT NULL OR d.looks > 0) AND e.undone_at IS NULL AND e.completed_at IS NULL
      AND e.element_instance_key = d.element_instance_key
"""
_HELD = """
    SELECT traceparent FROM runtime.effects
    WHERE business_id = %s AND element_id = %s AND loop_index = %s AND element_instance_key = %s
      AND undone_at IS NULL AND completed_at IS NULL FOR UPDATE
"""


class ElementStates(Protocol):
    """The engine's own view of what became of element instances, for instance its REST search."""

    async def ended(self, jobs: Sequence[JobInfo]) -> Mapping[int, Ended]:
        """How the element instances of these jobs ended, by key; those that live, or of which the view can't tell yet,
        are left out.

        Raises:
            Unreachable: the view can't be asked now.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Left:
    """A job that was taken and whose completion was never confirmed."""

    job: JobInfo
    looks: int
    gone: bool
    committed: bool
    settled: bool


class Orphans:
    """Finds orphaned effects and undoes them. Any number may run side by side."""

    def __init__(self, resources: Resources, states: ElementStates | None, root: str = ROOT) -> None:
        self._resources = resources
        self._states = states
        self._root = root

    async def look(self) -> int:
        """Look at what is due; how many jobs were settled.

        Raises:
            Unreachable: the engine's view can't be asked now; what it is not needed for was settled.
            psycopg.OperationalError: the database is away.
        """
        left = await self._due()
        stands = [one.job.key for one in left if one.settled or (one.gone and not one.committed)]
        await self._forget(stands, "stands")
        open_ = [one for one in left if one.committed and one.job.key not in stands]
        handlers = {one.job.key: self._handler(one.job) for one in open_}
        nothing = [key for key, handler in handlers.items() if handler is None]
        await self._forget(nothing, "nothing_to_undo")
        settled = len(stands) + len(nothing)
        waiting = [one for one in open_ if handlers[one.job.key] is not None]
        if self._states is not None and waiting:
            ended = await self._states.ended([one.job for one in waiting])
            completed = [one.job.key for one in waiting if ended.get(one.job.element_instance_key) == "completed"]
            await self._forget(completed, "stands")
            settled += len(completed)
            for one in waiting:
                handler, how = handlers[one.job.key], ended.get(one.job.element_instance_key)
                never = how == "unknown" and one.looks >= CERTAIN_LOOKS
                if handler is not None and (how == "terminated" or never):
                    settled += await self._undo(handler, one.job)
        await self._count()
        return settled

    async def _due(self) -> list[_Left]:
        async with self._resources.pool.connection() as connection:
            cursor = await connection.execute(_DUE, (BATCH,))
            rows = await cursor.fetchall()
        return [
            _Left(**{name: row.pop(name) for name in ("looks", "gone", "committed", "settled")}, job=JobInfo(**row))
            for row in rows
        ]

    def _handler(self, job: JobInfo) -> TaskSpec | None:
        context, name = job.job_type.split(".")
        found = (spec for spec in discovery.undoing(context, self._root) if spec.undoes == name)
        return next(found, None)

    async def _forget(self, job_keys: list[int], outcome: str) -> None:
        if not job_keys:
            return
        async with self._resources.pool.connection() as connection:
            await connection.execute("DELETE FROM runtime.deliveries WHERE job_key = ANY(%s)", (job_keys,))
        metrics.ORPHANS_SETTLED.labels(outcome).inc(len(job_keys))

    async def _undo(self, handler: TaskSpec, job: JobInfo) -> bool:
        keys = {"job_key": job.key, "process_instance_key": job.process_instance_key, "business_id": job.business_id}
        try:
            async with self._resources.pool.connection() as connection, connection.transaction():
                await effects.lock_case(connection, handler, job.business_id)
                held = await connection.execute(
                    _HELD, (job.business_id, job.element_id, job.loop_index, job.element_instance_key)
                )
                if row := await held.fetchone():  # else a withdrawal was quicker, or another instance relies on it
                    with tracing.continued(row["traceparent"], f"orphan {job.job_type}"):
                        await undo(handler, job, self._resources, self._root, connection)
                await connection.execute("DELETE FROM runtime.deliveries WHERE job_key = %s", (job.key,))
        except Exception:  # one that can't be undone now must not keep the others waiting
            metrics.ORPHANS_FAILED.labels(handler.job_type).inc()
            log.exception("orphaned effect not undone, tried again later", action="orphan_failed", **keys)
            return False
        metrics.ORPHANS_SETTLED.labels("undone" if held.rowcount else "stands").inc()
        log.warning("undone: its job was cancelled under it", action="orphan_undone", task=job.job_type, **keys)
        return True

    async def _count(self) -> None:
        async with self._resources.pool.connection() as connection:
            row = await (await connection.execute(_WAITING)).fetchone()
        metrics.ORPHANS_WAITING.set(row["waiting"] if row else 0)
