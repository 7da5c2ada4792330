"""Carries out what a rule says, each by the way that operators and processes already have, each with an audit entry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from workers.engine.errors import UnreachableError
from workers.engine.found import FoundTask
from workers.healing.model import Action, HeldLead, ScorerMiss, Trouble, WaitingJob
from workers.lead_routing.adapters.upkeep import ask_check
from workers.operations import audit, dead_letters, incidents, stuck
from workers.operations.audit import Actor
from workers.operations.model import DeadLetter, Done, Incident, Json, Stuck
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError, TransientError

ANSWER = "accept_lead"
"""The user task by which an owner answers."""


class Board(incidents.Board, Protocol):
    """Where incidents and user tasks are seen, and tasks completed: `operations.camunda.OperationsRest`."""

    async def user_tasks(
        self, state: str | None = "CREATED", process_instance_key: int | None = None, element_id: str | None = None
    ) -> list[FoundTask]:
        """User tasks, oldest first."""

    async def complete_user_task(self, key: int, variables: Json | None = None) -> None:
        """Complete a user task."""


class Engine(incidents.Engine, Protocol):
    """Where jobs are: `runtime.zeebe.ZeebeClient`."""

    async def renew(self, instance_key: int, element_id: str, element_key: int, scope_key: int) -> None:
        """End an element instance and begin it anew."""


@dataclass(frozen=True, slots=True)
class Hands:
    """What acts, and by which connections."""

    pool: Pool
    board: Board
    engine: Engine

    async def act(self, action: Action, trouble: Trouble, actor: Actor) -> Done:
        """Do it. An action that does not fit the trouble is refused, and says so.

        Raises:
            psycopg.Error: the database is away; what was done may not be in the audit trail.
        """
        item = trouble.item
        match action, item:
            case "retry", Incident():
                done = self._retry(item, trouble.business_id, actor)
            case (("send_again" | "send_late"), DeadLetter()):
                done = dead_letters.retry(self.pool, [item], actor, late=action == "send_late")
            case (("send_now" | "start_again"), Stuck()):
                done = stuck.retry(self.pool, [item], actor)
            case "renew_job", WaitingJob():
                before: Json = {"job_key": item.key, "element_instance_key": item.element_key}
                done = self._noted(trouble, actor, "job.renew", before, lambda: self._renew(item))
            case "reroute", HeldLead():
                before = {"owner": item.owner_id}
                done = self._noted(trouble, actor, "lead.reroute", before, lambda: self._reroute(item, trouble.symptom))
            case "check_scorer", ScorerMiss():
                before = {"model_version": item.version, "misses": round(trouble.value, 2)}
                done = self._noted(trouble, actor, "scorer.check", before, lambda: self._check(item, actor))
            case _:
                outcome = f"refused: {action} does not fit {trouble.symptom}; correct the table healing_rule"
                return Done(trouble.subject, trouble.business_id, outcome)
        (one,) = await done
        return one

    async def _retry(self, incident: Incident, business_id: str, actor: Actor) -> list[Done]:
        named = [replace(incident, business_id=business_id)]
        if not business_id:  # it may cost a question to Camunda
            named = await incidents.named(self.pool, self.board, [incident])
        return await incidents.retry(self.pool, self.engine, named, actor)

    async def _noted(
        self, trouble: Trouble, actor: Actor, action: str, before: Json, do: Callable[[], Awaitable[str]]
    ) -> list[Done]:
        async with self.pool.connection() as connection:
            entry = await audit.begin(
                connection, actor, action, target=trouble.subject, subject=trouble.subject,
                business_id=trouble.business_id, before=before | {"message": trouble.message},
            )  # fmt: skip
        # Committed: whatever happens from here on, it is known that it was tried.
        try:
            outcome = await do()
        except PermanentError as error:
            outcome = f"refused: {error}"
        except (TransientError, UnreachableError) as error:
            outcome = f"failed: {error}"
        async with self.pool.connection() as connection:
            await audit.settle(connection, entry, outcome, {})
        return [Done(trouble.subject, trouble.business_id, outcome)]

    async def _renew(self, job: WaitingJob) -> str:
        await self.engine.renew(job.instance_key, job.element, job.element_key, job.scope_key)
        return "done"

    async def _reroute(self, lead: HeldLead, reason: str) -> str:
        """Answer for the owner as the owner would, so that the process undoes the assignment and asks the next one."""
        found = await self.board.user_tasks(process_instance_key=lead.instance_key, element_id=ANSWER)
        if not found:
            return "failed: its task is not there yet, or was answered just now"
        if not await self._still_held(lead):
            return "refused: it has another owner by now, or was answered"
        await self.board.complete_user_task(found[-1].key, {"owner_response": "reject", "reject_reason": reason})
        return "done"

    async def _still_held(self, lead: HeldLead) -> bool:
        query = (
            "SELECT FROM routing.leads WHERE lead_id = %s AND state = 'assigned' AND owner_id = %s AND assigned_at = %s"
        )
        async with self.pool.connection() as connection:
            return (await connection.execute(query, (lead.lead_id, lead.owner_id, lead.assigned_at))).rowcount == 1

    async def _check(self, scorer: ScorerMiss, actor: Actor) -> str:
        """Ask for the check that decides by its own measure whether a new model is trained, and used if it wins."""
        async with self.pool.connection() as connection:
            check_id = f"healing/{datetime.now(UTC).isoformat(timespec='seconds')}"
            await ask_check(connection, scorer.schema_name, check_id, actor.name)
        return "done"
