"""Runs one job: validates, executes, answers the engine.

The answers: what the task returned completes the job; a declared business error becomes a BPMN error; a transient
failure is given back with one retry less and a pause; everything else is an incident at once, and its message says
what to do.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from typing import Literal

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from workers.runtime import metrics, runbooks, tracing
from workers.runtime.discovery import ROOT
from workers.runtime.errors import (
    BusinessError,
    CaseClosed,
    DependencyDown,
    PermanentError,
    RateLimited,
    TransientError,
)
from workers.runtime.journal import GRACE_SECONDS, Journal
from workers.runtime.resources import Resources
from workers.runtime.task import Contract, Retry, TaskSpec
from workers.runtime.unit import Done, execute, identify, validated
from workers.runtime.work import JobInfo
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import EngineBusy, Job, JobGone, JobNotFound, Overloaded, Refused

log = structlog.get_logger()

LONGEST_MESSAGE = 1_000
"""Characters of an error message to the engine."""

Outcome = Literal["completed", "business_error", "retry", "incident", "handed_back", "gone", "unanswered"]


def job_timeout(spec: TaskSpec) -> float:
    """Seconds after which the engine gives the task's job to somebody else."""
    return spec.timeout_seconds + GRACE_SECONDS


def pause(retry: Retry, tries_left: int, rng: Callable[[float, float], float] = random.uniform) -> float:
    """Seconds to wait before the next try: full jitter, ``uniform(0, min(cap, first · 2ⁿ))`` after n failures.

    Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. `tries_left` counts the one that just
    failed.
    """
    failed = max(0, retry.tries - tries_left)
    return rng(0.0, min(retry.cap_seconds, retry.first_seconds * 2.0**failed))


class Worker:
    """Runs jobs of any task of this process."""

    def __init__(self, client: ZeebeClient, resources: Resources, root: str = ROOT) -> None:
        self._client = client
        self._resources = resources
        self._root = root
        self._journal = Journal(resources.pool, resources.settings.worker.max_deliveries)
        self.overloaded: Callable[[], None] = lambda: None
        """Called for each answer that the engine was too loaded to take."""

    async def close(self) -> None:
        """Finish the book-keeping of answered jobs; call it when no job is running any more."""
        await self._journal.close()

    async def handle(self, spec: TaskSpec, job: Job) -> Outcome:
        """Run a job and answer the engine. If it is cancelled, the job is handed back without losing a retry."""
        started = time.perf_counter()
        metrics.JOBS_STARTED.labels(spec.job_type).inc()
        metrics.JOBS_RUNNING.inc()
        outcome: Outcome = "unanswered"
        with (
            _span(spec, job),
            structlog.contextvars.bound_contextvars(
                job_key=job.key, process_instance_key=job.process_instance_key, task=spec.job_type
            ),
        ):
            try:
                outcome = await self._run(spec, job)
            except asyncio.CancelledError:
                outcome = "handed_back"
                await self.hand_back(spec, job)
                raise
            except JobGone:
                # What was committed stands until `workers.runtime.orphans`, or a withdrawal, has undone it.
                log.warning("job is gone", action="job_gone")
                outcome = "gone"
            finally:
                metrics.JOBS_RUNNING.dec()
                seconds = time.perf_counter() - started
                metrics.JOB_SECONDS.labels(spec.job_type).observe(seconds)
                if outcome != "handed_back":  # `hand_back` counts it, as it does for jobs that never started
                    metrics.JOBS_FINISHED.labels(spec.job_type, outcome).inc()
                tracing.mark({"fairlead.outcome": outcome})
            log.debug("job answered", action="job_answered", outcome=outcome, seconds=round(seconds, 4))
        return outcome

    async def hand_back(self, spec: TaskSpec, job: Job) -> None:
        """Give a job back to the engine, soon to be worked on by somebody else, with the retries it had."""
        metrics.JOBS_FINISHED.labels(spec.job_type, "handed_back").inc()
        await self._journal.answered(job.key, committed=True)  # it may have been: the row does no harm
        try:
            # The pause keeps the engine from pushing it right back to this worker, which is stopping.
            await self._client.fail(
                job.key, retries=job.retries, message="Handed back: the worker is stopping.", back_off_seconds=0.5
            )
        except (EngineBusy, Refused) as error:
            log.info("job not handed back, it will time out", action="hand_back_failed", reason=type(error).__name__)

    async def _run(self, spec: TaskSpec, job: Job) -> Outcome:
        done: Done | None = None
        try:
            given = validated(spec, job.variables)
            info = _info(spec, job, given)
            structlog.contextvars.bind_contextvars(business_id=info.business_id)
            tracing.mark({"fairlead.business_id": info.business_id})
            async with asyncio.timeout(spec.timeout_seconds):
                done = await execute(spec, given, info, self._resources, self._root, self._journal)
            await self._complete(spec, info, done)
        except JobGone:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, the engine gets an answer
            if not (isinstance(error, psycopg.Error) and _database_away(error)):
                await self._journal.answered(job.key, committed=done is not None)
            return await self._failed(spec, job, error)
        return "completed"

    async def _complete(self, spec: TaskSpec, job: JobInfo, done: Done) -> None:
        tracing.mark({"fairlead.deduplicated": done.repeated})
        if done.repeated:
            metrics.JOBS_REPEATED.labels(spec.job_type).inc()
            log.info("done before, answered from the stored result", action="job_repeated")
        try:
            await self._answer(spec, lambda: self._client.complete(job.key, done.result))
        except JobNotFound:
            if spec.effect == "once":
                await self._journal.gone(job)
            else:
                self._journal.confirmed(job.key)
            raise
        self._journal.confirmed(job.key)
        if done.repeated:
            await self._journal.stands(job)

    async def _failed(self, spec: TaskSpec, job: Job, error: Exception) -> Outcome:
        tracing.mark({"error.type": type(error).__name__})
        match error:
            case BusinessError():
                answer = self._business(spec, job, error)
            case psycopg.Error() if _database_away(error):
                answer = self._database_away(spec, job, error)
            case psycopg.OperationalError():  # deadlock, serialization failure, time-out
                again = TransientError(f"The database asks to repeat it: {type(error).__name__}.")
                answer = self._transient(spec, job, again)
            case TimeoutError():
                late = TransientError(f"{spec.job_type} took longer than its {spec.timeout_seconds:g} s.")
                answer = self._transient(spec, job, late)
            case DependencyDown():
                answer = self._wait(spec, job, error)
            case TransientError():
                answer = self._transient(spec, job, error)
            case CaseClosed():
                log.info("refused: the case is closed", action="case_closed")
                answer = self._incident(spec, job, str(error), error.runbook)
            case PermanentError():
                log.error("job failed for good", action="job_permanent", reason=type(error).__name__)
                answer = self._incident(spec, job, str(error), error.runbook)
            case _:
                answer = self._defect(spec, job, error)
        return await answer

    async def _business(self, spec: TaskSpec, job: Job, error: BusinessError) -> Outcome:
        if not isinstance(error, spec.errors):
            return await self._incident(
                spec,
                job,
                f"{spec.job_type} raised the business error {type(error).__name__}, which it doesn't declare. "
                "Add it to the task's `errors` and to the diagram, deploy both, then retry this incident.",
            )
        tracing.event("business error", {"code": error.code})
        variables: Mapping[str, object] = error.variables
        log.info("business error", action="business_error", code=error.code)
        await self._answer(
            spec,
            lambda: self._client.throw(
                job.key, code=error.code, message=str(error)[:LONGEST_MESSAGE], variables=variables
            ),
        )
        return "business_error"

    async def _transient(self, spec: TaskSpec, job: Job, error: TransientError) -> Outcome:
        left = job.retries - 1
        if left <= 0:
            log.error("tries used up", action="tries_used_up", reason=type(error).__name__)
            return await self._incident(
                spec,
                job,
                f"Gave up after the last try: {error} When the cause is mended, retry this incident.",
                error.runbook,
            )
        seconds = pause(spec.retry, job.retries)
        if isinstance(error, RateLimited):
            seconds = error.retry_after * random.uniform(1.0, 1.1)  # noqa: S311 - not all at the same moment
        log.warning("will be tried again", action="job_retry", reason=type(error).__name__, pause=round(seconds, 3))
        return await self._again(spec, job, left, str(error), seconds, "failure")

    async def _wait(self, spec: TaskSpec, job: Job, error: DependencyDown) -> Outcome:
        """The task was not tried: it keeps its retries."""
        seconds = error.retry_after * random.uniform(1.0, 1.5)  # noqa: S311 - not all at the same moment
        log.info("waits for a dependency", action="job_waits", reason=type(error).__name__, pause=round(seconds, 3))
        return await self._again(spec, job, job.retries, str(error), seconds, "dependency_down")

    async def _database_away(self, spec: TaskSpec, job: Job, error: Exception) -> Outcome:
        """Not the task's failure: it keeps its retries, and waits like after a few failures."""
        seconds = random.uniform(0.5, 5.0)  # noqa: S311 - not all at the same moment
        metrics.DATABASE_AWAY.inc()
        log.warning("database away", action="database_away", reason=type(error).__name__, pause=round(seconds, 3))
        message = "The database can't be reached; tried again soon."
        return await self._again(spec, job, job.retries, message, seconds, "database_away")

    async def _defect(self, spec: TaskSpec, job: Job, error: Exception) -> Outcome:
        """Not an outcome that the task declares. Its message may hold personal data: the engine is told the type."""
        log.error("defect in a task", action="job_defect", reason=type(error).__name__, exc_info=error)
        message = (
            f"Defect in {spec.job_type}: {type(error).__name__}. The worker's log has the details under "
            f"job_key={job.key}. Deploy a corrected worker, then retry this incident."
        )
        return await self._incident(spec, job, message)

    async def _again(
        self, spec: TaskSpec, job: Job, retries: int, message: str, seconds: float, reason: str
    ) -> Outcome:
        metrics.JOBS_RETRIED.labels(spec.job_type, reason).inc()
        tracing.event("retry", {"reason": reason, "retries_left": retries, "pause": round(seconds, 3)})
        await self._fail(spec, job, retries, message, seconds)
        return "retry"

    async def _incident(self, spec: TaskSpec, job: Job, message: str, runbook: str = "") -> Outcome:
        tracing.failed()
        tracing.event("incident")
        address = self._resources.settings.runbook(runbook or runbooks.INCIDENT)
        await self._fail(spec, job, 0, runbooks.signed(message, address, LONGEST_MESSAGE), 0.0)
        return "incident"

    async def _fail(self, spec: TaskSpec, job: Job, retries: int, message: str, seconds: float) -> None:
        text = message[:LONGEST_MESSAGE]
        await self._answer(
            spec, lambda: self._client.fail(job.key, retries=retries, message=text, back_off_seconds=seconds)
        )

    async def _answer(self, spec: TaskSpec, send: Callable[[], Awaitable[None]]) -> None:
        """Send an answer until the engine has taken it; it is never dropped.

        Raises:
            JobGone: the engine no longer waits for it.
            Refused, TooBig: it will never take it.
        """
        ceiling = 0.05
        while True:
            try:
                return await send()
            except EngineBusy as error:
                if isinstance(error, Overloaded):
                    self.overloaded()
                metrics.ANSWERS_RETRIED.labels(spec.job_type).inc()
                log.debug("engine busy, answering again", action="answer_retry", reason=str(error))
                await asyncio.sleep(random.uniform(0.01, ceiling))  # noqa: S311 - full jitter
                ceiling = min(2.0, ceiling * 2)


def _span(spec: TaskSpec, job: Job) -> AbstractContextManager[None]:
    return tracing.continued(
        job.variables.get(tracing.VARIABLE),
        f"job {spec.job_type}",
        "consumer",
        {
            "fairlead.job_type": spec.job_type,
            "fairlead.job_key": job.key,
            "fairlead.process_instance_key": job.process_instance_key,
            "fairlead.process_id": job.bpmn_process_id,
            "fairlead.element_id": job.element_id,
            "fairlead.try": max(1, spec.retry.tries - job.retries + 1),
        },
        since_ns=job.arrived_ns,
        instance=job.process_instance_key,
    )


def _info(spec: TaskSpec, job: Job, given: Contract) -> JobInfo:
    business_id, loop_index = identify(spec, given)
    return JobInfo(
        job_type=spec.job_type,
        element_id=job.element_id,
        business_id=business_id,
        loop_index=loop_index,
        key=job.key,
        process_instance_key=job.process_instance_key,
        element_instance_key=job.element_instance_key,
        process_definition_key=job.process_definition_key,
    )


def _database_away(error: psycopg.Error) -> bool:
    if isinstance(error, PoolTimeout | psycopg.InterfaceError):
        return True
    if not isinstance(error, psycopg.OperationalError):
        return False
    # No SQLSTATE: the connection broke. Class 08: connection exception; 57P: the server is stopping or starting.
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))
