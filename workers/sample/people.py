"""Simulated people: they answer human tasks of sample leads through Camunda, and report outcomes to the gateway.

Leads that were not made by this sample are never touched.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import psycopg
import structlog

from workers.runtime.database import Pool
from workers.sample.behaviour import GROUP_OF, Waiting, answer, outcome_delay, touchable
from workers.sample.door import Door, Refused
from workers.sample.leads import converts

log = structlog.get_logger()
LOOK_SECONDS = 2.0
"""Pause between two looks at the task list."""
AT_ONCE = 25
"""The most answers and outcomes given in one look, so that people never crowd out the leads."""


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A user task as Camunda lists it."""

    key: int
    element_id: str
    process_instance_key: int
    created_at: dt.datetime


class TaskGone(Exception):
    """The task was completed or cancelled before; the list was behind."""


class TaskBoard(Protocol):
    """Camunda's user tasks. Its list may lag the engine by seconds."""

    async def open_tasks(self) -> Sequence[OpenTask]:
        """User tasks of the process lead_routing that are not completed.

        Raises:
            BoardUnavailable: Camunda can't be asked at the moment.
        """
        ...

    async def complete(self, key: int, variables: Mapping[str, object]) -> None:
        """Complete a task.

        Raises:
            TaskGone: it is not open any more.
            BoardUnavailable: Camunda can't be asked at the moment.
        """
        ...


class BoardUnavailable(Exception):
    """Camunda can't be asked at the moment; the message says why."""


@dataclass
class People:
    """The simulated people of one sample."""

    board: TaskBoard
    pool: Pool
    door: Door
    seed: int
    prefix: str
    """What the external ids of this sample's leads start with."""
    left_alone: int
    _answered: set[int] = field(default_factory=set)

    async def live(self) -> None:
        """Answer tasks and report outcomes until cancelled."""
        while True:
            now = dt.datetime.now(dt.UTC)
            try:
                await self.answer_tasks(now)
                await self.report_outcomes(now)
            except BoardUnavailable as error:
                log.info("Camunda can't be asked for tasks", action="people_wait", reason=str(error))
            except psycopg.OperationalError as error:
                log.info("the database does not answer", action="people_wait", reason=type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def answer_tasks(self, now: dt.datetime) -> int:
        """Answer every task that is due; returns how many.

        Raises:
            BoardUnavailable: Camunda can't be asked at the moment.
        """
        listed = [task for task in await self.board.open_tasks() if task.element_id in GROUP_OF]
        self._answered &= {task.key for task in listed}
        fresh = [task for task in listed if task.key not in self._answered]
        given = 0
        for task in touchable(await self._with_facts(fresh), self.left_alone):
            reply = answer(task, self.seed)
            if reply.variables is None or reply.at > now:
                continue
            try:
                await self.board.complete(task.key, reply.variables)
            except TaskGone:
                log.debug("the task was gone", action="person_late", element_id=task.element_id)
            else:
                given += 1
                log.debug("answered", action="person_answered", element_id=task.element_id, lead_id=task.lead_id)
            self._answered.add(task.key)
            if given == AT_ONCE:
                break
        return given

    async def report_outcomes(self, now: dt.datetime) -> int:
        """Tell the gateway what became of accepted leads once that is due; returns how many."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(
                """SELECT lead_id, external_id, raw, accepted_at FROM routing.leads
                WHERE state = 'accepted' AND converted IS NULL AND starts_with(external_id, %s)
                ORDER BY accepted_at LIMIT 1000""",
                (self.prefix,),
            )
            accepted = await cursor.fetchall()
        due = [row for row in accepted if row["accepted_at"] + outcome_delay(row["external_id"], self.seed) <= now]
        for row in due[:AT_ONCE]:
            try:
                await self.door.post(
                    f"/v1/leads/{row['lead_id']}/outcome", {"converted": converts(row["raw"], self.seed)}
                )
            except Refused as error:
                log.warning("an outcome was refused", action="outcome_refused", reason=str(error))
        return min(len(due), AT_ONCE)

    async def _with_facts(self, tasks: Iterable[OpenTask]) -> list[Waiting]:
        """The tasks of this sample's leads, with what a person would know."""
        by_instance: dict[int, list[OpenTask]] = {}
        for task in tasks:
            by_instance.setdefault(task.process_instance_key, []).append(task)
        async with self.pool.connection() as connection:
            cursor = await connection.execute(_FACTS, {"instances": list(by_instance), "prefix": self.prefix})
            facts = await cursor.fetchall()
        return [
            Waiting(
                key=task.key,
                element_id=task.element_id,
                created_at=task.created_at,
                lead_id=row["lead_id"],
                occurrence=row["owners"],
                raw=row["raw"],
                suitable=row["suitable"],
            )
            for row in facts
            for task in by_instance[row["process_instance_key"]]
        ]


_FACTS = """
SELECT l.process_instance_key, l.lead_id, l.raw,
    (SELECT count(*) FROM routing.assignments a WHERE a.lead_id = l.lead_id) AS owners,
    -- Present, of the lead's territory (anybody if none was found), not one who had the lead; the least busy.
    CASE WHEN l.state IN ('triage', 'manager') THEN (
     SELECT r.id FROM routing.reps r
     WHERE r.active AND (l.routing ->> 'territory' IS NULL OR l.routing ->> 'territory' = ANY(r.territories))
        AND NOT EXISTS (SELECT 1 FROM routing.absences b WHERE b.rep_id = r.id AND now() BETWEEN b.starts_at AND b.ends_at)
        AND NOT EXISTS (SELECT 1 FROM routing.assignments a WHERE a.rep_id = r.id AND a.lead_id = l.lead_id)
     ORDER BY (SELECT count(*) FROM routing.assignments a
               WHERE a.rep_id = r.id AND a.released_at IS NULL AND a.closed_at IS NULL)
              / greatest(r.open_capacity, 1)::float8, r.id
     LIMIT 1) END AS suitable
FROM routing.leads l
WHERE l.process_instance_key = ANY(%(instances)s) AND starts_with(l.external_id, %(prefix)s)
"""
