"""Simulated people: they answer human tasks of sample leads through Camunda, and report outcomes to the gateway.

Who waits is read from the database, and Camunda is asked only for the tasks that are due to be answered: its list may
hold thousands. Leads that were not made by this sample are never touched.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import psycopg
import structlog

from workers.runtime.database import Pool
from workers.sample.behaviour import TASK_OF_STATE, Waiting, answer, outcome_delay, touchable
from workers.sample.door import Door, Refused
from workers.sample.leads import converts

log = structlog.get_logger()
LOOK_SECONDS = 2.0
"""Pause between two looks at the task list."""
AGAIN = dt.timedelta(seconds=30)
"""When a lead is looked at again that still waits after an answer, or has no task yet."""
ON_THEIR_WAY = ("received", "registered")
"""States of leads that may come to a person next."""
AT_ONCE = 25
"""The most answers and outcomes given in one look, so that people never crowd out the leads."""


class TaskGone(Exception):
    """The task was completed or cancelled before; the list was behind."""


class TaskBoard(Protocol):
    """Camunda's user tasks. Its search may lag the engine by seconds."""

    async def find(self, process_instance_key: int, element_id: str) -> int | None:
        """Key of the open task of that instance and element; None: it is not there, or not yet.

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
    _not_before: dict[tuple[str, dt.datetime], dt.datetime] = field(default_factory=dict)
    """Lead and since when it waits → when to look at it again: one that was answered seems to wait until the process
    has gone on, and the task of another may not be there yet, or never if its instance stopped at an incident."""

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
        waiting = await self._waiting()
        keys = {(one.lead_id, one.since) for one in waiting}
        self._not_before = {key: moment for key, moment in self._not_before.items() if key in keys}
        given = 0
        for task, variables in self._due(waiting, now):
            key = (task.lead_id, task.since)
            if self._not_before.get(key, now) > now:
                continue
            self._not_before[key] = now + AGAIN
            given += await self._give(task, variables)
            if given == AT_ONCE:
                break
        return given

    async def unanswered(self, now: dt.datetime) -> int:
        """How many leads wait for an answer that is due, whether Camunda shows their task or not, or may soon: they are
        still on their way.
        """
        async with self.pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT FROM routing.leads WHERE state = ANY(%s) AND starts_with(external_id, %s)",
                (list(ON_THEIR_WAY), self.prefix),
            )
        return cursor.rowcount + len(self._due(await self._waiting(), now))

    def _due(self, waiting: Sequence[Waiting], now: dt.datetime) -> list[tuple[Waiting, Mapping[str, object]]]:
        """Those to be answered by now, each with its answer; not those whose time limit is let pass."""
        replies = [(task, answer(task, self.seed)) for task in touchable(waiting, self.left_alone)]
        return [(task, reply.variables) for task, reply in replies if reply.variables is not None and reply.at <= now]

    async def _give(self, task: Waiting, variables: Mapping[str, object]) -> bool:
        """Complete the task if it is there; whether it was."""
        key = await self.board.find(task.process_instance_key, task.element_id)
        if key is None:
            return False
        try:
            await self.board.complete(key, variables)
        except TaskGone:
            log.debug("the task was gone", action="person_late", element_id=task.element_id)
            return False
        log.debug("answered", action="person_answered", element_id=task.element_id, lead_id=task.lead_id)
        return True

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

    async def _waiting(self) -> list[Waiting]:
        """Leads of this sample that wait for a person, with what that person would know."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(_WAITING, {"states": list(TASK_OF_STATE), "prefix": self.prefix})
            return [
                Waiting(
                    lead_id=row["lead_id"],
                    process_instance_key=row["process_instance_key"],
                    element_id=TASK_OF_STATE[row["state"]],
                    since=row["state_at"],
                    occurrence=row["owners"],
                    raw=row["raw"],
                    suitable=row["suitable"],
                )
                for row in await cursor.fetchall()
            ]


_WAITING = """
SELECT l.lead_id, l.process_instance_key, l.state, l.state_at, l.raw,
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
WHERE l.state = ANY(%(states)s) AND l.process_instance_key IS NOT NULL AND starts_with(l.external_id, %(prefix)s)
"""
