"""Which open case comes first: an analyst's table (dmn/attention_rules.dmn), evaluated by the engine for each.

If the engine is away, or the table can't be evaluated, what it said last stays, and the page says since when.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import structlog
from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workers.control_room.prediction import store
from workers.control_room.prediction.telling import Telling
from workers.control_room.today import AT_RISK
from workers.runtime.database import Pool
from workers.runtime.errors import TaskError
from workers.runtime.zeebe_types import Decision

log = structlog.get_logger()

DECISION = "attention"
MOST = 200
"""Cases that the table is asked of in a round, those with the highest risk first: each is a question to the engine."""
AT_ONCE = 4
STEPS = ((30, 1), (240, 5), (float("inf"), 30))
"""Minutes left are told to the minute up to half an hour, then by 5, from 4 hours on by 30, and always rounded down: so
most answers of the round before can be used again."""
KEPT = 2_000
"""Answers that are used again; with more all are asked for anew."""
FORGOTTEN_ROUNDS = 10
"""And so often anyhow, as the table may be another one by then."""

_CASES = """
    SELECT p.key, p.instance_key, p.risk, p.at_risk, p.level, p.speaks_for, t.process, t.element, t.due_at, t.assignee, t.users, t.groups,
           extract(epoch FROM t.due_at - clock_timestamp())::float8 / 60 AS minutes_left,
           clock_timestamp() >= t.created_at + %(rule)s * (t.due_at - t.created_at) AS mostly_gone,
           l.routing->>'segment' AS segment, l.score->>'band' AS band, l.routing->>'territory' AS territory,
           coalesce(l.lead->>'name', l.raw->>'name') AS name, coalesce(l.lead->>'company', l.raw->>'company') AS company,
           coalesce(d.names->>t.element, t.element) AS called, control.case_of(p.instance_key) AS case_id
    FROM control.predictions p JOIN control.user_tasks t ON t.key = p.key AND t.ended_at IS NULL AND t.due_at IS NOT NULL
    LEFT JOIN control.processes d ON d.key = t.process_key
    LEFT JOIN routing.leads l ON l.process_instance_key = p.instance_key
    ORDER BY coalesce(p.risk, p.at_risk::int) DESC, t.due_at, p.key LIMIT %(most)s
"""
_ANSWERED = """
    UPDATE control.predictions SET level = %(level)s, tell = %(tell)s, level_why = %(why)s, worth = %(worth)s,
        level_at = clock_timestamp() WHERE key = %(key)s
"""
_COUNTS = """
    SELECT t.process, p.level, count(*) AS cases FROM control.predictions p JOIN control.user_tasks t USING (key)
    WHERE p.level IS NOT NULL AND t.ended_at IS NULL GROUP BY t.process, p.level
"""

Level = Literal["act", "soon", "watch", "none"]
Tell = Literal["person", "manager", "sales_ops", "nobody"]


@dataclass(frozen=True, slots=True)
class OpenCase:
    """What the table is asked with, as its variable ``open_case``."""

    process: str
    segment: str | None
    """Of a lead; other cases have none."""
    band: str | None
    risk: float | None
    """In hundredths, 0 to 1; None: there is no model, or it has not seen the case yet."""
    mostly_gone: bool
    """80 % of its time are gone."""
    minutes_left: int
    """Until it is due; negative: it is over."""
    waits_for: Literal["person", "group"]


class Attention(BaseModel):
    """What the table answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Level
    tell: Tell
    why: str
    worth: float = Field(ge=0, allow_inf_nan=False)
    """What the case is worth beside others; within a level those with more at stake (risk times worth) come first."""


class Engine(Protocol):
    """Who evaluates decisions: `workers.runtime.zeebe.ZeebeClient`."""

    async def evaluate_decision(self, decision_id: str, variables: Mapping[str, Any]) -> Decision:
        """Evaluate the newest version of a decision."""


class Attending:
    """One round is `attend`."""

    def __init__(self, pool: Pool, engine: Engine, telling: Telling) -> None:
        self._pool = pool
        self._engine = engine
        self._telling = telling
        self._answers: dict[OpenCase, Attention] = {}
        self._rounds = 0

    async def attend(self) -> tuple[Mapping[tuple[str, str], int], str | None]:
        """Ask the table of all cases, keep and tell what it answers; how many cases have which level now, by process, and
        what kept the table from answering for all.

        Raises:
            psycopg.OperationalError: the database is away.
        """
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_CASES, {"rule": AT_RISK, "most": MOST})).fetchall()
        self._rounds += 1
        if self._rounds % FORGOTTEN_ROUNDS == 0 or len(self._answers) > KEPT:
            self._answers.clear()
        answers, problem = await self._ask({case_of(row) for row in rows})
        async with self._pool.connection() as connection:
            for row in rows:
                if (found := answers.get(case_of(row))) is not None:
                    await connection.execute(_ANSWERED, {"key": row["key"], **found.model_dump()})
                    await self._telling.tell(connection, row, level=found.level, whom=found.tell, why=found.why)
            await store.note_attention(connection, problem)
            counted = await (await connection.execute(_COUNTS)).fetchall()
        return {(row["process"], row["level"]): row["cases"] for row in counted}, problem

    async def _ask(self, cases: set[OpenCase]) -> tuple[Mapping[OpenCase, Attention], str | None]:
        """Answers, and why some or all are missing."""
        gate = asyncio.Semaphore(AT_ONCE)
        problems: list[str] = []

        async def one(case: OpenCase) -> None:
            async with gate:
                if problems:  # the rest would fare alike
                    return
                try:
                    answer = await self._engine.evaluate_decision(DECISION, {"open_case": asdict(case)})
                    self._answers[case] = Attention.model_validate(answer.output)
                except TaskError as error:
                    problems.append(str(error))
                except ValidationError as error:
                    first = error.errors()[0]
                    problems.append(
                        f"The table answers something else: {'.'.join(map(str, first['loc']))}: {first['msg']}"
                    )

        await asyncio.gather(*(one(case) for case in cases if case not in self._answers))
        if problems:
            log.warning("the table of attention does not answer", action="attention_waits", reason=problems[0])
        return {case: self._answers[case] for case in cases if case in self._answers}, problems[0] if problems else None


def case_of(row: DictRow) -> OpenCase:
    """What is told to the table of a case."""
    alone = bool(row["assignee"]) or len(row["users"] or ()) == 1
    return OpenCase(
        process=row["process"],
        segment=row["segment"],
        band=row["band"],
        risk=None if row["risk"] is None else round(row["risk"], 2),
        mostly_gone=bool(row["mostly_gone"]),
        minutes_left=rounded(row["minutes_left"]),
        waits_for="person" if alone else "group",
    )


def rounded(minutes: float) -> int:
    """See `STEPS`."""
    step = next(step for limit, step in STEPS if abs(minutes) <= limit)
    return int(minutes // step * step)
