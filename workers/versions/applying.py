"""Carries out a migration plan: checks again, moves one instance after the other, and can be killed at any moment.

The engine has no trial run, but its command is all or nothing for an instance. So of each situation (the elements at
which instances wait) one instance goes first; if the engine refuses it, the others of that situation are left alone.

What is asked of the engine is written down before (`runtime.migration_steps`), so that whoever goes on after a crash
knows which answers are unknown: those are looked up in the read model, and asked again if it does not show them as moved.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.operations import audit
from workers.operations.audit import Actor
from workers.runtime.canary import PAUSES
from workers.runtime.database import Pool, alone
from workers.runtime.moving import Move, misfit, rules_of
from workers.runtime.zeebe_types import Refused
from workers.versions import situation
from workers.versions.deployed import Version, versions_of
from workers.versions.errors import NotNow, PlanRefused
from workers.versions.plan import Plan, Planned
from workers.versions.planning import end_of
from workers.versions.situation import Situation

Outcome = Literal["moved", "refused", "ended", "elsewhere", "left"]
"""``elsewhere``: it is not where the plan saw it; ``left``: the first one of its situation was refused."""

SHOWN_WITHIN = 20.0
"""Seconds in which the read model shows what the engine has done."""
LOOK_SECONDS = 0.5

_ASKED = """
    INSERT INTO runtime.migration_steps (plan, process_instance_key) VALUES (%s, %s)
    ON CONFLICT (plan, process_instance_key) DO UPDATE SET asked_at = clock_timestamp(), outcome = NULL, settled_at = NULL
"""
_SETTLED = """
    INSERT INTO runtime.migration_steps (plan, process_instance_key, outcome, detail, settled_at)
    VALUES (%s, %s, %s, %s, clock_timestamp())
    ON CONFLICT (plan, process_instance_key) DO UPDATE
    SET outcome = excluded.outcome, detail = excluded.detail, settled_at = excluded.settled_at
"""


class Engine(Protocol):
    """What moves an instance."""

    async def migrate(self, process_instance_key: int, process_definition_key: int, mapping: Mapping[str, str]) -> None:
        """All of it or nothing; raises Refused or EngineBusy."""


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one instance."""

    key: int
    case: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a plan."""

    plan: Plan
    steps: Sequence[Step]
    left_over: int
    """Instances that were not come to, as no more were to be moved this time."""

    @property
    def counts(self) -> dict[str, int]:
        """How many instances by what became of them."""
        return dict(Counter(step.outcome for step in self.steps))


async def apply_plan(
    pool: Pool, engine: Engine, plan: Plan, actor: Actor, *, engine_version: str, at_most: int | None = None
) -> Report:
    """Move the instances of a plan that are still where it saw them; those it has moved already are not touched again.

    Raises:
        PlanRefused: versions, engine or mapping are not what the plan says; nothing was moved.
        NotNow: another plan for the process is being carried out.
        EngineBusy: the engine went away; what was moved is noted, and the same call goes on.
        psycopg.OperationalError: likewise for the database.
    """
    async with pool.connection() as connection:
        _unchanged(plan, await versions_of(connection, plan.process), engine_version)
    async with alone(pool, f"fairlead migrate {plan.process}") as free, pool.connection() as connection:
        if not free:
            raise NotNow(f"Another plan for {plan.process} is being carried out.")
        await connection.set_autocommit(True)
        try:
            return await _Applying(connection, engine, plan).run(actor, at_most)
        finally:
            await connection.set_autocommit(False)


def _unchanged(plan: Plan, versions: list[Version], engine_version: str) -> None:
    known = {version.key: version for version in versions}
    for named in (plan.source, plan.target):
        version = known.get(named.key)
        if version is None or end_of(version) != named:
            raise PlanRefused(
                f"Version {named.version} of {plan.process} is not what it was when the plan was made. Make it anew by "
                "`fairlead migrate plan`."
            )
    if rules_of(engine_version) != rules_of(plan.engine):
        raise PlanRefused(
            f"The plan was made for the rules of Camunda {plan.engine}, and the engine is {engine_version}. Make it anew."
        )
    old, new = known[plan.source.key].drawing, known[plan.target.key].drawing
    for was, is_ in plan.mapping.items():
        if was in old.lines and is_ in new.lines:
            continue
        if was not in old.shapes or is_ not in new.shapes:
            raise PlanRefused(f"The mapping says {was}: {is_}, and one of the two does not exist.")
        if why := misfit(old, new, plan.mapping, was, is_):
            raise PlanRefused(f"The mapping says {was}: {is_}, but {why}.")
    move = Move(old, new, plan.mapping, rules_of(engine_version))
    for one in plan.movable:
        active = [(element, old.shapes[element].type) for element in one.waits_at if element in old.shapes]
        if len(active) < len(one.waits_at) or (why_not := move.hindrances(active)):
            reason = why_not[0] if len(active) == len(one.waits_at) else "it names an element that does not exist"
            raise PlanRefused(f"The plan says that instance {one.key} can be moved, but {reason}.")


class _Applying:
    """One run over a plan; `connection` commits each statement."""

    def __init__(self, connection: AsyncConnection[DictRow], engine: Engine, plan: Plan) -> None:
        self._connection = connection
        self._engine = engine
        self._plan = plan
        self._digest = plan.digest
        self._refused: dict[tuple[str, ...], str] = {}
        self._proven: set[tuple[str, ...]] = set()
        self._moved = 0

    async def run(self, actor: Actor, at_most: int | None) -> Report:
        plan, before = self._plan, await self._before()
        entry = await audit.begin(
            self._connection, actor, "version.migrate",
            target=f"{plan.process} {plan.source.version} to {plan.target.version}", subject=f"migration:{self._digest}",
            business_id="", before={"instances": len(plan.movable), "moved": sum(o == "moved" for o in before.values())},
        )  # fmt: skip
        steps: list[Step] = []
        left_over = 0
        for one in _scouts_first(plan.movable):
            if before.get(one.key, "new") == "moved":
                steps.append(Step(one.key, one.case, "moved", "before"))
                continue
            if at_most is not None and self._moved >= at_most:
                left_over += 1
                continue
            step = await self._step(one, unknown=one.key in before and before[one.key] is None)
            steps.append(step)
        report = Report(plan, steps, left_over)
        await audit.settle(self._connection, entry, "done", {**report.counts, "left_over": left_over})
        return report

    async def _before(self) -> dict[int, str | None]:
        query = "SELECT process_instance_key, outcome FROM runtime.migration_steps WHERE plan = %s"
        rows = await (await self._connection.execute(query, (self._digest,))).fetchall()
        return {row["process_instance_key"]: row["outcome"] for row in rows}

    async def _step(self, one: Planned, *, unknown: bool) -> Step:
        """Move one instance. If it is `unknown` what the engine answered the last time, it may be moved already."""
        there = (await situation.look(self._connection, [one.key])).get(one.key)
        outcome, detail = self._judged(one, there)
        if outcome is None:
            await self._connection.execute(_ASKED, (self._digest, one.key))
            outcome, detail = await self._ask(one, unknown=unknown)
        await self._connection.execute(_SETTLED, (self._digest, one.key, outcome, detail))
        return Step(one.key, one.case, outcome, detail)

    def _judged(self, one: Planned, there: Situation | None) -> tuple[Outcome | None, str]:
        if there is None or there.ended:
            return "ended", ""
        if there.process_key == self._plan.target.key:
            return "moved", ""
        if there.process_key != self._plan.source.key:
            return "elsewhere", "it has another version by now"
        if there.waits_at != sorted(one.waits_at):
            here = ", ".join(there.waits_at) or "between two elements"
            return "elsewhere", f"it has gone on to {here}; plan again"
        if why := self._refused.get(_situation(one)):
            return "left", why
        return None, ""

    async def _ask(self, one: Planned, *, unknown: bool) -> tuple[Outcome, str]:
        why = ""
        for pause in (*PAUSES, None):
            try:
                await self._engine.migrate(one.key, self._plan.target.key, self._plan.mapping)
            except Refused as error:
                why = str(error)
                if pause is not None:
                    await asyncio.sleep(pause)
            else:
                self._proven.add(_situation(one))
                self._moved += 1
                return "moved", ""
        if unknown and await self._shows_moved(one.key):
            return "moved", "before, as the read model shows"
        if _situation(one) not in self._proven:
            self._refused[_situation(one)] = f"instance {one.key} of the same situation was refused"
        return "refused", why

    async def _shows_moved(self, key: int) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SHOWN_WITHIN):
                while True:
                    there = (await situation.look(self._connection, [key])).get(key)
                    if there is not None and there.process_key == self._plan.target.key:
                        return True
                    await asyncio.sleep(LOOK_SECONDS)
        return False


def _situation(one: Planned) -> tuple[str, ...]:
    return tuple(sorted(one.waits_at))


def _scouts_first(planned: Sequence[Planned]) -> list[Planned]:
    """One of each situation, then all others."""
    first: dict[tuple[str, ...], Planned] = {}
    for one in planned:
        first.setdefault(_situation(one), one)
    scouts = {one.key for one in first.values()}
    return [*first.values(), *(one for one in planned if one.key not in scouts)]
