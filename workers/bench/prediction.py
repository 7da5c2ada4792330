"""How good the control room's predictions are, beside its rule, on leads of simulated people.

A PostgreSQL of the benchmark's own; the simulation's records go the way of the engine's into the read model, and training
and prediction are those of `fairlead readmodel predict`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

from workers.bench.control_room import database
from workers.bench.own_stack import own_place
from workers.bench.prediction_people import Life, Town
from workers.control_room.exported import Kind, Record
from workers.control_room.foresight import Figures
from workers.control_room.prediction import contest
from workers.control_room.prediction.scoring import Scorer
from workers.control_room.projection import INSTANCES, USER_TASKS, rows_of, write
from workers.runtime.database import Pool, open_pool

TARGET_ECE = 0.05
TARGET_COVERAGE = (0.72, 0.88)
"""Of an interval that says 80 %."""
BEGINS = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday; always the same, so that a seed gives the same figures on each day."""
UNTIL_MONDAY = 2.375
"""Days: it ends on a Friday afternoon, when there is something open to predict."""
PAGE = 2_000
KINDS = {kind.value_type: kind for kind in (INSTANCES, USER_TASKS)}
PLACE = {"bpmnProcessId": "lead_routing", "processDefinitionKey": 1, "version": 1, "parentProcessInstanceKey": -1}
"""Of every record: its process."""


Told = Iterator[tuple[Kind, Record]]


class NothingLearned(Exception):
    """The simulation gave too little to learn from; the message says what."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured."""

    leads: int
    tasks: int
    train_seconds: float
    open: int
    predict_seconds: float
    """For all open tasks, with reading and writing."""
    why: str
    figures: Figures

    def missed(self) -> list[str]:
        """Targets that were missed, in words."""
        found, brier = [], self.figures.brier
        if brier.model >= min(brier.shares, brier.base):
            found.append("the Brier score is no better than the rule's")
        if self.figures.ece.model > TARGET_ECE:
            found.append(f"the calibration error is {self.figures.ece.model:.3f}, not at most {TARGET_ECE}")
        low, high = TARGET_COVERAGE
        if self.figures.coverage is None or not low <= self.figures.coverage <= high:
            found.append(f"the interval of 80 % holds {self.figures.coverage}")
        if self.figures.pinball is None or self.figures.usual is None or self.figures.pinball >= self.figures.usual:
            found.append("remaining times are no better than what is usual")
        return found


def bench(leads: int, weeks: int, seed: int, at_risk_from: float, say: Callable[[str], object]) -> Report:
    """Simulate, train, judge.

    Raises:
        NotUp: the database did not start.
        NothingLearned: see there.
    """
    with own_place("fairlead-bench-") as settings, database(settings):

        async def run() -> Report:
            pool = await open_pool(settings.dsn, max_size=3)
            try:
                return await measure(pool, leads, weeks, seed, at_risk_from, say)
            finally:
                await pool.close()

        return asyncio.run(run())


async def measure(
    pool: Pool, leads: int, weeks: int, seed: int, at_risk_from: float, say: Callable[[str], object]
) -> Report:
    """The same on an empty database."""
    say(f"simulating {leads:,} leads of {weeks} weeks …")
    days = 7 * weeks - UNTIL_MONDAY
    lives, ends = Town(leads, days, seed).live(), BEGINS + timedelta(days=days)
    await fill(pool, lives, BEGINS)
    say("training …")
    began = time.monotonic()
    result = await contest.train(pool, at_risk_from, until=ends)
    trained = time.monotonic() - began
    if result is None or result.figures is None:
        raise NothingLearned(result.why if result is not None else "Somebody else trains in this database.")
    began = time.monotonic()
    predicted = await Scorer(pool, at_risk_from).predict(ends)
    tasks = sum(len(life.tasks) for life in lives)
    return Report(leads, tasks, trained, predicted, time.monotonic() - began, result.why, result.figures)


async def fill(pool: Pool, lives: list[Life], zero: datetime) -> None:
    """Write what happened into the read model, as its follower does; `zero` is when the simulation began."""
    async with pool.connection() as connection:
        for kind, records in log_of(lives, zero).items():
            for first in range(0, len(records), PAGE):
                await write(connection, rows_of(KINDS[kind], records[first : first + PAGE]))
        await connection.execute("ANALYZE")


def log_of(lives: list[Life], zero: datetime) -> dict[str, list[Record]]:
    """What happened as the engine's exporter would tell it, by value type."""
    keys = count(2)
    found: dict[str, list[Record]] = {name: [] for name in KINDS}
    for life in lives:
        for kind, record in _records(life, next(keys), keys, zero):
            found[kind.value_type].append(record)
    return found


def _records(life: Life, key: int, keys: Iterator[int], zero: datetime) -> Told:
    def record(kind: Kind, at: float, intent: str, of: int, **value: object) -> tuple[Kind, Record]:
        moment = zero + timedelta(seconds=at)
        shared = PLACE | {"processInstanceKey": key, "flowScopeKey": key}
        return kind, {
            "key": of, "position": int(at * 1_000), "timestamp": round(moment.timestamp() * 1_000), "intent": intent,
            "value": shared | value,
        }  # fmt: skip

    def element(of: int, name: str, kind: str, began: float, ended: float | None, *, whole: bool) -> Told:
        value = {"elementId": name, "bpmnElementType": kind}
        yield record(INSTANCES, began, "ELEMENT_ACTIVATING", of, **value)
        if ended is not None:
            yield record(INSTANCES, ended, "ELEMENT_COMPLETED" if whole else "ELEMENT_TERMINATED", of, **value)

    yield from element(key, "lead_routing", "PROCESS", life.began, life.ended, whole=True)
    for step in life.steps:
        yield from element(next(keys), step.element, "SERVICE_TASK", step.began, step.ended, whole=step.completed)
    for task in life.tasks:
        of = next(keys)
        yield from element(of, task.element, "USER_TASK", task.created, task.ended, whole=task.completed)
        due = zero + timedelta(seconds=task.due)
        value = {
            "elementId": task.element, "elementInstanceKey": of, "assignee": "", "dueDate": due.isoformat(),
            "candidateGroupsList": ["sales-reps" if task.login else "sales-ops"],
            "candidateUsersList": [task.login] if task.login else [],
        }  # fmt: skip
        of = next(keys)
        yield record(USER_TASKS, task.created, "CREATED", of, **value)
        if task.ended is not None:
            yield record(USER_TASKS, task.ended, "COMPLETED" if task.completed else "CANCELED", of, **value)
