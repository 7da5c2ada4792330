"""What the engine is told of a job: completed, a BPMN error, to be tried again, or an incident whose message says what to
do. An answer is repeated until the engine has taken it; it is never dropped.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, Never

import psycopg
import structlog

from workers.runtime import metrics, runbooks, tracing
from workers.runtime.errors import (
    BusinessError,
    CaseClosed,
    DependencyDown,
    PermanentError,
    RateLimited,
    TransientError,
)
from workers.runtime.logs import for_people
from workers.runtime.task import Retry, TaskSpec
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import EngineBusy, Job, JobForgotten, Overloaded

log = structlog.get_logger()

AGAIN_SECONDS = 0.5
"""What is left of its time to a job that is to come again."""

LONGEST_MESSAGE = 1_000
"""Characters of an error message to the engine."""

_AWAY = ("08", "57P", "25006", "25P03", "53100", "53300")
"""Beginnings of SQLSTATEs: connection exception; the server stops or starts; it only reads, as in a failover; it gave up
a transaction in which it had not heard of us for too long (`effects.lock_case`); disk full; too many connections."""

Outcome = Literal["completed", "business_error", "retry", "incident", "handed_back", "gone", "unanswered"]


def pause(retry: Retry, tries_left: int, rng: Callable[[float, float], float] = random.uniform) -> float:
    """Seconds to wait before the next try: full jitter, ``uniform(0, min(cap, first · 2ⁿ))`` after n failures.

    Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. `tries_left` counts the one that just
    failed.
    """
    failed = max(0, retry.tries - tries_left)
    return rng(0.0, min(retry.cap_seconds, retry.first_seconds * 2.0**failed))


def database_away(error: psycopg.Error) -> bool:
    """Whether an error says that the database can't work now, and nothing about what it was asked."""
    if error.sqlstate is None:  # the connection broke, or there was none
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate.startswith(_AWAY)


class Answers:
    """Tells the engine what became of jobs."""

    def __init__(self, client: ZeebeClient, runbook: Callable[[str], str]) -> None:
        """`runbook` gives the address of a page of docs/runbooks."""
        self._client = client
        self._runbook = runbook
        self.overloaded: Callable[[], None] = lambda: None
        """Called for each answer that the engine was too loaded to take."""

    async def complete(self, spec: TaskSpec, job: Job, variables: str) -> None:
        """Complete a job with these variables, as `dump` gives them.

        Raises:
            JobForgotten: it was not told, as it may take the job for another one.
            JobGone: the engine no longer waits for it.
            Refused: it will never take it.
        """
        await self._answer(spec, job, lambda: self._client.complete(job.key, variables))

    async def failed(self, spec: TaskSpec, job: Job, error: Exception) -> Outcome:
        """Tell what follows from a failure; which of the outcomes it was.

        Raises:
            JobForgotten: it was not told, as it may take the job for another one.
            JobGone: the engine no longer waits for the job.
            Refused: it takes no such answer.
        """
        tracing.mark({"error.type": type(error).__name__})
        match error:
            case BusinessError():
                answer = self._business(spec, job, error)
            case psycopg.Error() if database_away(error):
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
        tracing.event("business error", {"code": error.thrown})
        variables: Mapping[str, object] = error.variables
        log.info("business error", action="business_error", code=error.thrown)
        await self._answer(
            spec,
            job,
            lambda: self._client.throw(
                job.key, code=error.thrown, message=for_people(str(error))[:LONGEST_MESSAGE], variables=variables
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
        address = self._runbook(runbook or runbooks.INCIDENT)
        await self._fail(spec, job, 0, runbooks.signed(message, address, LONGEST_MESSAGE), 0.0)
        return "incident"

    async def _fail(self, spec: TaskSpec, job: Job, retries: int, message: str, seconds: float) -> None:
        text = for_people(message)[:LONGEST_MESSAGE]
        await self._answer(
            spec,
            job,
            lambda: self._client.fail(job.key, retries=retries, message=text, back_off_seconds=seconds),
        )

    async def _answer(self, spec: TaskSpec, job: Job, send: Callable[[], Awaitable[None]]) -> None:
        """Send an answer until the engine has taken it; it is never dropped, unless the job will come again.

        Raises:
            JobForgotten: the engine may not know the job any more, or another one by its key.
            JobGone: the engine no longer waits for it.
            Refused: it will never take it.
        """
        ceiling = 0.05
        while True:
            try:
                if self._client.contact.forgotten(job.arrived_ns):
                    await self._let_come_again(job)
                return await send()
            except EngineBusy as error:
                if isinstance(error, Overloaded):
                    self.overloaded()
                metrics.ANSWERS_RETRIED.labels(spec.job_type).inc()
                log.debug("engine busy, answering again", action="answer_retry", reason=str(error))
                await asyncio.sleep(random.uniform(0.01, ceiling))  # noqa: S311 - full jitter
                ceiling = min(2.0, ceiling * 2)

    async def _let_come_again(self, job: Job) -> Never:
        """Have a job handed out anew instead of answering it. Should the key be another job's by now, that one is handed
        out once more than needed, which does no harm.
        """
        await self._client.extend(job.key, AGAIN_SECONDS)
        log.info("not answered: the engine was away since", action="job_forgotten", job_key=job.key)
        raise JobForgotten(f"The engine was away since it handed out the job {job.key}.")
