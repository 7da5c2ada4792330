"""What can go wrong in a task, and where it goes.

    TaskError
    ├── BusinessError        an expected case that changes the path → a BPMN error with `code`, never retried
    ├── TransientError       may go away by itself → the job fails, retried with back-off
    │   ├── RateLimited      the other side said when (`retry_after`)
    │   ├── Postponed        this one alone, until when its sender says; its channel goes on
    │   └── Unreachable      the other side is away as a whole
    │       └── DependencyDown   its circuit breaker is open: waits without using up tries
    └── PermanentError       will not go away → an incident at once; its message says what to do
        ├── ContractError    variables do not fit the task's input or output model
        ├── CaseClosed       the business case was withdrawn: no new effect is allowed
        ├── UndoneBefore     it was done and undone in this case and loop
        └── PoisonJob        the job was delivered again and again without an answer

Anything else that a task raises is a defect in the task: handled as permanent, with the exception's type named.
An error's docstring is its default message.
"""

from __future__ import annotations

import inspect
from typing import ClassVar


class TaskError(Exception):
    """The task could not be done."""

    runbook: ClassVar[str] = ""
    """Page of docs/runbooks that says what to do if it stays; empty: the one for any incident or dead letter."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or inspect.getdoc(type(self)) or type(self).__name__)


class BusinessError(TaskError):
    """An expected business case that the diagram handles.

    Subclasses set `code`, the BPMN error code (snake_case), and may pass `variables` for the boundary event.
    """

    code: ClassVar[str]

    def __init__(
        self, message: str = "", *, variables: dict[str, object] | None = None, thrown: str | None = None
    ) -> None:
        super().__init__(message)
        self.variables: dict[str, object] = variables or {}
        self.thrown = thrown or self.code
        """The code that the engine is told: `code`, unless the diagram gives the codes itself."""


class TransientError(TaskError):
    """A failure that may go away by itself; it is tried again."""


class RateLimited(TransientError):
    """The other side asks for a pause; it is tried again after that."""

    def __init__(self, message: str = "", *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds."""


class Postponed(TransientError):
    """It did not work this time. The delivery itself says when it is tried again, and gives up by a `PermanentError`."""

    def __init__(self, message: str = "", *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds."""


class Unreachable(TransientError):
    """The other side can't be reached at all; the outbox waits for it without using up tries."""


class DependencyDown(Unreachable):
    """The other side failed too often of late and is left alone for a while; no try is used up."""

    def __init__(self, message: str = "", *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds."""


class PermanentError(TaskError):
    """A failure that will not go away by itself; it becomes an incident."""


class ContractError(PermanentError):
    """The job's variables do not fit the task's contract."""


class CaseClosed(PermanentError):
    """The business case was withdrawn, so that no new effect is allowed."""


class UndoneBefore(PermanentError):
    """Another element instance did it in this case and loop, and it was undone since."""

    def __init__(self, job_type: str, loop: str | None) -> None:
        """`loop` is the input field that tells rounds apart, if the task has one."""
        apart = f"Give the variable {loop} another value" if loop else "Give the task a loop index and deploy it"
        super().__init__(
            f"{job_type} was done in this case by another element instance, and undone since: its stored result does not "
            f"hold any more. {apart}, then retry this incident; or cancel this instance if it repeats the case by mistake."
        )


class PoisonJob(PermanentError):
    """The job was delivered again and again, and never got an answer."""

    runbook = "poison-job"

    def __init__(self, job_type: str, deliveries: int) -> None:
        super().__init__(
            f"{job_type} was started {deliveries} times and never gave an answer: each time its worker died or hung. "
            "Find the cause in the worker's logs, mend it, then retry this incident."
        )


def plain(text: str) -> str:
    """The text as PostgreSQL and gRPC take it: without NUL, and without bytes that are no UTF-8."""
    return text.replace("\0", "?").encode("utf-8", "replace").decode()
