"""One job's unit of work in the database: the effect's key, its result, its own writes, outbox rows and timeline
entries, in one transaction that is committed before the job is completed.

The key of an effect is business id + element id + loop index. Whoever inserts it first runs the task; a twin waits for
that transaction and then gets the stored result. Every writing job holds its case's lock shared, and who closes the
case takes it alone (trigger `close_case`, migration 0003), so that no effect slips in behind a withdrawal.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from pydantic import ValidationError

from workers.runtime import discovery, effects, outbox, tracing
from workers.runtime.effects import Result
from workers.runtime.errors import CaseClosed, ContractError
from workers.runtime.journal import Journal
from workers.runtime.resources import Resources
from workers.runtime.task import Contract, TaskSpec
from workers.runtime.work import JobInfo
from workers.runtime.zeebe.messages import dump

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Done:
    """What a job is to be completed with."""

    variables: str
    """The task's result as the engine takes it."""
    repeated: bool
    """Whether it was done before, so that the task did not run now."""

    @property
    def result(self) -> Result:
        """The task's result."""
        found: Result = json.loads(self.variables)
        return found


def validated(spec: TaskSpec, variables: Mapping[str, object]) -> Contract:
    """The task's input.

    Raises:
        ContractError: names each variable at fault, without its value.
    """
    try:
        return spec.input_model.model_validate(variables)
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc'])} ({fault['msg']})"
            for fault in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise ContractError(
            f"The variables don't fit the input of {spec.job_type}: {'; '.join(faults)}. "
            "Correct them on the process instance and retry this incident."
        ) from None


def identify(spec: TaskSpec, given: Contract) -> tuple[str, str]:
    """Business id and loop index of a job."""
    loop = "" if spec.loop is None else str(getattr(given, spec.loop))
    return str(getattr(given, spec.business_id)), loop


async def execute(
    spec: TaskSpec, given: Contract, job: JobInfo, resources: Resources, root: str, journal: Journal | None = None
) -> Done:
    """Run the task's function in its unit of work and commit. With a `journal` the delivery is counted first.

    Raises:
        TaskError: as the task raised it; nothing was written.
        CaseClosed: the case was withdrawn and the task may not act after that.
        UndoneBefore: it was done in this case and loop by another element instance, and undone since.
        TooBig: the engine would not take the result.
        PoisonJob: the job was delivered too often without an answer.
        psycopg.OperationalError: the database is away, or chose this transaction as a deadlock's victim.
    """
    if spec.effect == "none":
        return await _read(spec, given, job, resources, root, journal)
    # The context ends the transaction; it begins with the first statement, on the same journey.
    if journal is None:
        async with resources.pool.connection() as connection:
            return await _write(spec, given, JobWork(job, spec, resources, root, connection))
    async with journal.writing(job, spec.timeout_seconds) as (connection, deliveries):
        work = JobWork(job, spec, resources, root, connection)
        return await _write(spec, given, work, lambda: journal.judge(job, deliveries))


async def _write(spec: TaskSpec, given: Contract, work: JobWork, judge: Callable[[], None] = lambda: None) -> Done:
    """Run a task in the transaction of `work`, if `judge` lets it; what was done before needs no judgement."""
    job = work.job
    if spec.effect == "once":
        stored = await effects.claim(work.connection, spec, job)
        if stored is not None:
            return Done(stored, repeated=True)
        judge()
        return Done(await _run_once(spec, given, work), repeated=False)
    judge()
    await effects.lock_case(work.connection, spec, job.business_id)
    closed = await work.connection.execute(
        "SELECT FROM runtime.closed_cases WHERE business_id = %s", (job.business_id,)
    )
    if closed.rowcount and not spec.after_close:
        raise CaseClosed
    done = Done(await _call(spec, given, work), repeated=False)
    await work.write_notes()
    return done


async def _read(
    spec: TaskSpec, given: Contract, job: JobInfo, resources: Resources, root: str, journal: Journal | None
) -> Done:
    work = JobWork(job, spec, resources, root, None)
    if journal is None:
        return Done(await _call(spec, given, work), repeated=False)
    async with journal.reading(job, spec.timeout_seconds) as deliveries:
        journal.judge(job, deliveries)
        return Done(await _call(spec, given, work), repeated=False)


_NO_TRANSACTION = '{} declares effect="none", so it has no transaction; declare "once" or "idempotent" if it writes.'
_NOTE = """
    INSERT INTO runtime.timeline (business_id, actor, action, why, facts, element_id, element_instance_key,
                                  process_instance_key, process_definition_key)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


class JobWork:
    """The `Work` of one job; see `workers.runtime.work.Work` for what its members promise."""

    def __init__(
        self,
        job: JobInfo,
        spec: TaskSpec,
        resources: Resources,
        root: str,
        connection: AsyncConnection[DictRow] | None,
    ) -> None:
        self.job = job
        self.facts: Result = {}
        self._spec = spec
        self._resources = resources
        self._root = root
        self._connection = connection
        self._sent = 0
        self._notes: list[tuple[object, ...]] = []

    @property
    def connection(self) -> AsyncConnection[DictRow]:
        """The connection inside the job's transaction."""
        if self._connection is None:
            raise RuntimeError(_NO_TRANSACTION.format(self._spec.job_type))
        return self._connection

    @property
    def ports(self) -> object:
        """What the context's wiring makes for this job."""
        return discovery.wiring(self._spec.context, self._root).ports(self._resources, self)

    async def send(self, channel: str, payload: Mapping[str, Any], *, external_id: str | None = None) -> str:
        """Put a row into the outbox and return its external id."""
        self._sent += 1
        job = self.job
        chosen = external_id or f"{job.business_id}/{job.element_id}/{job.loop_index}/{self._sent}"
        await outbox.put(self.connection, channel, job.business_id, chosen, payload)
        return chosen

    async def note(self, action: str, why: str = "", *, actor: str | None = None, **facts: object) -> None:
        """Add an entry to the case's timeline."""
        job = self.job
        if self._connection is None:
            raise RuntimeError(_NO_TRANSACTION.format(self._spec.job_type))
        self._notes.append(
            (
                *(job.business_id, actor or job.job_type, action, why, Jsonb(facts), job.element_id),
                *(job.element_instance_key, job.process_instance_key, job.process_definition_key),
            )
        )

    async def write_notes(self) -> None:
        """Write what was noted: all at once, as each journey to the database costs more than a row."""
        if self._notes:
            notes, self._notes = self._notes, []
            await self.connection.cursor().executemany(_NOTE, notes)

    def record(self, **facts: object) -> None:
        """Record with the effect what an undo needs."""
        self.facts.update(facts)

    async def recorded(self) -> Result | None:
        """What the undone task recorded; marks it as undone."""
        if self._spec.undoes is None:
            raise RuntimeError(f"{self._spec.job_type} is no compensation handler; declare `undoes=…`.")
        cursor = await self.connection.execute(
            """
            UPDATE runtime.effects SET undone_at = now(), undone_by = %s
            WHERE business_id = %s AND task = %s AND loop_index = %s AND undone_at IS NULL
            RETURNING recorded, traceparent
            """,
            (
                self.job.element_id,
                self.job.business_id,
                f"{self._spec.context}.{self._spec.undoes}",
                self.job.loop_index,
            ),
        )
        row = await cursor.fetchone()
        if row is None:
            return None
        tracing.link(row["traceparent"], "undoes")
        return row["recorded"] or {}

    async def close_case(self, reason: str) -> None:
        """Fence the case."""
        if not self._spec.closes:
            raise RuntimeError(f"{self._spec.job_type} does not declare that it closes its case; add `closes=True`.")
        await self.connection.execute(
            "INSERT INTO runtime.closed_cases (business_id, reason) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            (self.job.business_id, reason),
        )

    async def undo_leftovers(self) -> list[str]:
        """Undo every effect of this case that was recorded but not undone, the newest first."""
        handlers = {f"{spec.context}.{spec.undoes}": spec for spec in discovery.undoing(self._spec.context, self._root)}
        cursor = await self.connection.execute(
            """
            SELECT element_id, task, loop_index, process_instance_key, element_instance_key FROM runtime.effects
            WHERE business_id = %s AND task = ANY(%s) AND undone_at IS NULL
            ORDER BY done_at DESC, element_id DESC FOR UPDATE
            """,
            (self.job.business_id, list(handlers)),
        )
        undone = []
        for row in await cursor.fetchall():
            job = replace(self.job, loop_index=row["loop_index"], element_instance_key=row["element_instance_key"])
            await undo(handlers[row["task"]], job, self._resources, self._root, self.connection)
            undone.append(row["element_id"])
        return undone


async def undo(
    handler: TaskSpec, job: JobInfo, resources: Resources, root: str, connection: AsyncConnection[DictRow]
) -> None:
    """Run a compensation handler in the connection's transaction, once, on the effect in `job`'s case and loop."""
    job = replace(job, job_type=handler.job_type, element_id=handler.name)
    given = validated(handler, _identity(handler, job))
    if await effects.insert(connection, handler, job, fenced=False):
        with tracing.span(f"undo {handler.job_type}", {"fairlead.business_id": job.business_id}):
            await _run_once(handler, given, JobWork(job, handler, resources, root, connection))


def _identity(spec: TaskSpec, job: JobInfo) -> dict[str, object]:
    variables: dict[str, object] = {spec.business_id: job.business_id}
    if spec.loop is not None:
        variables[spec.loop] = job.loop_index
    return variables


async def _run_once(spec: TaskSpec, given: Contract, work: JobWork) -> str:
    """Run a task whose effect is inserted already, and store what it returned and recorded."""
    variables = await _call(spec, given, work)
    job = work.job
    async with work.connection.pipeline():  # one journey to the server for all
        await work.write_notes()
        await work.connection.execute(
            """
            UPDATE runtime.effects SET result = %s::jsonb, recorded = %s
            WHERE business_id = %s AND element_id = %s AND loop_index = %s
            """,
            (variables, Jsonb(work.facts), job.business_id, job.element_id, job.loop_index),
        )
    if spec.undoes is not None:
        await work.recorded()  # a handler that had no use for the record has undone the effect nevertheless
    return variables


async def _call(spec: TaskSpec, given: Contract, work: JobWork) -> str:
    """Run the task's function; its result as the engine takes it.

    What is too big is refused before it is stored: once stored, no retry could change it.
    """
    function: Callable[[Any, Any], Awaitable[Any]] = spec.function  # Any: see TaskSpec.function
    with tracing.span(f"run {spec.job_type}"):
        output = await function(given, work.ports)
    if not isinstance(output, spec.output_model):
        raise ContractError(f"{spec.job_type} returned {type(output).__name__}, not {spec.output_model.__name__}.")
    return dump(output.model_dump(mode="json"))
