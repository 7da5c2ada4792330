"""What a running task has in its hands: the transaction, the outbox, the timeline, and what was recorded before.

`Work` is the seam between the runtime (which makes one for each job) and the adapters of a context (which use it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from psycopg import AsyncConnection
from psycopg.rows import DictRow


@dataclass(frozen=True, slots=True)
class JobInfo:
    """Which job this is. Keys are Zeebe's."""

    job_type: str
    element_id: str
    business_id: str
    loop_index: str
    key: int
    process_instance_key: int
    element_instance_key: int
    process_definition_key: int


class Work(Protocol):
    """One job's unit of work. All writes are in one transaction, committed before the job is completed."""

    job: JobInfo

    @property
    def connection(self) -> AsyncConnection[DictRow]:
        """The connection inside the job's transaction.

        Raises:
            RuntimeError: the task declared ``effect="none"``.
        """
        ...

    async def send(self, channel: str, payload: Mapping[str, Any], *, external_id: str | None = None) -> str:
        """Put a row into the outbox and return its external id.

        The default external id is business id, element id, loop index and a running number: stable over redelivery.
        """
        ...

    async def note(self, action: str, why: str = "", *, actor: str | None = None, **facts: object) -> None:
        """Add an entry to the case's timeline. No personal data belongs into `why` or `facts`."""
        ...

    def record(self, **facts: object) -> None:
        """Record with the effect what an undo needs; kept beside the result, never sent to the engine."""
        ...

    async def recorded(self) -> dict[str, Any] | None:
        """For a compensation handler: what the undone task recorded, or None if its effect never happened
        or was undone before. The effect is locked, and marked as undone when this job's transaction commits.
        """
        ...

    async def close_case(self, reason: str) -> None:
        """Fence the case: waits for effects under way in it; from this job's commit on, only tasks with
        ``after_close`` act on it. The same as inserting into `runtime.closed_cases`.

        Raises:
            RuntimeError: the task does not declare ``closes=True``.
        """
        ...

    async def undo_leftovers(self) -> list[str]:
        """Run the compensation handler of each effect of this case that was recorded but not undone, the newest first,
        in this job's transaction, and return the element ids of the undone effects.

        That is for jobs that were interrupted under way, which the engine never compensates. Close the case first.
        """
        ...
