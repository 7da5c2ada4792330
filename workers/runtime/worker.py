"""Runs one job: validates, executes, answers the engine.

The answers: what the task returned completes the job; a declared business error becomes a BPMN error; a transient
failure is given back with one retry less and a pause; everything else is an incident at once, and its message says
what to do.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractContextManager

import psycopg
import structlog

from workers.runtime import metrics, tracing
from workers.runtime.answers import Answers, Outcome, database_away
from workers.runtime.canary import Canary
from workers.runtime.discovery import ROOT
from workers.runtime.holding import held
from workers.runtime.journal import GRACE_SECONDS, Journal
from workers.runtime.resources import Resources
from workers.runtime.task import Contract, TaskSpec
from workers.runtime.unit import Done, execute, identify, validated
from workers.runtime.work import JobInfo
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import EngineBusy, Job, JobGone, JobNotFound, Refused

log = structlog.get_logger()


class Worker:
    """Runs jobs of any task of this process."""

    def __init__(self, client: ZeebeClient, resources: Resources, root: str = ROOT) -> None:
        self._client = client
        self._resources = resources
        self._root = root
        self._journal = Journal(resources.pool, resources.settings.worker.max_deliveries)
        self._canary = Canary(client, resources.pool)
        self.answers = Answers(client, resources.settings.runbook)
        """How the engine is told what became of jobs."""

    def job_timeout(self, spec: TaskSpec) -> float:
        """Seconds after which the engine gives a job of the task to somebody else, unless it is extended."""
        return min(spec.timeout_seconds, self._resources.settings.worker.hold_seconds) + GRACE_SECONDS

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
            business_id, _ = identify(spec, given)
            structlog.contextvars.bind_contextvars(business_id=business_id)
            tracing.mark({"fairlead.business_id": business_id})
            info = info_of(spec, await self._canary.place(job, business_id), given)
            try:
                async with (
                    held(self._client, job.key, self.job_timeout(spec)),
                    asyncio.timeout(spec.timeout_seconds),
                ):
                    done = await execute(spec, given, info, self._resources, self._root, self._journal)
            except JobNotFound:
                await self._gone(spec, info)  # it may have been committed in the moment in which it was stopped
                raise
            except JobGone:  # somebody else failed it: it comes again, perhaps it has already
                await self._journal.answered(job.key, committed=True)
                raise
            await self._complete(spec, job, info, done)
        except JobGone:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, the engine gets an answer
            # If a commit was under way when the deadline came, or the database was lost, nobody knows what became of it.
            unknown = isinstance(error, TimeoutError) or (isinstance(error, psycopg.Error) and database_away(error))
            await self._journal.answered(job.key, committed=done is not None or unknown)
            return await self.answers.failed(spec, job, error)
        return "completed"

    async def _complete(self, spec: TaskSpec, job: Job, info: JobInfo, done: Done) -> None:
        tracing.mark({"fairlead.deduplicated": done.repeated})
        if done.repeated:
            metrics.JOBS_REPEATED.labels(spec.job_type).inc()
            log.info("done before, answered from the stored result", action="job_repeated")
        try:
            await self.answers.complete(spec, job, done.variables)
        except JobNotFound:
            await self._gone(spec, info)
            raise
        self._journal.confirmed(job.key)
        if done.repeated:
            await self._journal.stands(info)

    async def _gone(self, spec: TaskSpec, job: JobInfo) -> None:
        if spec.effect == "once":
            await self._journal.gone(job)
        else:
            self._journal.confirmed(job.key)


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


def info_of(spec: TaskSpec, job: Job, given: Contract) -> JobInfo:
    """Which job it is, as tasks and the journal know it."""
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
