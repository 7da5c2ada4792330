"""`fairlead bench approvals`: a round of quota approval, from the plan to the last system, by simulated people.

The method: the sample organisation of `fairlead quota sample`, without limits on changes, so that hundreds of its quotas
need somebody. One simulated person for each unit, directors, finance, operations, and every tenth rep look for their tasks in
Camunda's search, claim them and complete them as the forms would; a few send a quota back or give it to somebody else.
When the review has ended, the engine's records are held against the database: nothing may be lost, done twice or left.
Times are those of the engine: from an element's activation to its completion.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from workers.bench.figures import Spread, spread
from workers.engine.found import FoundTask, moment
from workers.engine.rest import CamundaRest, RestError
from workers.office import links
from workers.quota_approval.adapters import loading, overview
from workers.quota_approval.adapters.asking import ask_quotas
from workers.quota_approval.domain.people import Person
from workers.quota_approval.domain.reviews import Organisation
from workers.runtime.database import Pool, open_pool
from workers.settings import Settings

PROCESS, ORGANISATION, PERIOD = "quota_approval", "bench", "2027"
APPROVE, OBJECT, QUESTION = "approve_quota", "object_to_quota", "decide_plan"
REP_WITH_LOGIN = 10
"""Every tenth rep is asked about their quota, and gets a letter."""
SENT_BACK, DELEGATED = 0.03, 0.03
"""Shares of the decisions."""
STUCK_SECONDS = 300.0
"""Nothing was decided for so long, and the review is still open: something is lost."""
LOOK_SECONDS, SETTLE_SECONDS = 1.0, 5.0
PAGE = 1_000

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to simulate."""

    reps: int = 700
    tasks: int = 500
    """Human tasks that there must be at least."""
    hands: int = 8
    """Tasks that are answered side by side."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Step:
    """One element of the diagram: how often it was completed, and how long that took, in seconds."""

    element: str
    kind: str
    """The engine's, such as USER_TASK."""
    times: Spread


@dataclass
class Report:
    """What came of it."""

    plan: Plan
    seconds: float = 0.0
    """From asking for quotas until the review had ended."""
    state: str = "open"
    answered: Counter[str] = field(default_factory=Counter)
    """Human tasks by element."""
    choices: Counter[str] = field(default_factory=Counter)
    passed: int = 0
    """Quotas that nobody had to look at."""
    quotas: int = 0
    steps: Sequence[Step] = ()
    lost: list[str] = field(default_factory=list)
    """What does not fit, in words; empty: nothing is lost."""

    @property
    def tasks(self) -> int:
        """Human tasks that were completed."""
        return self.answered.total()


@dataclass(frozen=True, slots=True)
class Element:
    """An element instance as the engine recorded it."""

    element: str
    kind: str
    state: str
    began: datetime
    ended: datetime | None


class RoundRest(CamundaRest):
    """The same adapter, asking for all elements of an instance. Raises `UnreachableError` or `RestError`."""

    async def elements(self, process_instance_key: int) -> list[Element]:
        """All of them, by Operate's search, which the benchmark's own stack (Camunda 8.6) has."""
        body: dict[str, Any] = {  # Any: JSON
            "filter": {"processInstanceKey": process_instance_key},
            "size": PAGE,
            "sort": [{"field": "key", "order": "ASC"}],
        }
        found: list[Element] = []
        while True:
            answer = await self._request("search elements", "POST", "/v1/flownode-instances/search", body)
            page = answer.json()
            found += [_element(one) for one in page["items"]]
            if len(page["items"]) < PAGE:
                return found
            body["searchAfter"] = page["sortValues"]


class Round:
    """One review with its simulated people."""

    def __init__(self, camunda: RoundRest, pool: Pool, settings: Settings, report: Report, tell: Tell) -> None:
        self._camunda = camunda
        self._pool = pool
        self._settings = settings
        self._report = report
        self._tell = tell
        self._chance = random.Random(report.plan.seed)  # noqa: S311 - whom people ask, not a secret
        self._taken: set[int] = set()
        self._instance = 0
        self._hands = asyncio.Semaphore(report.plan.hands)

    async def run(self) -> None:
        """Ask for quotas, answer what is asked until the review has ended, and hold the records against each other."""
        began = time.monotonic()
        async with self._pool.connection() as connection:
            quota_id, _ = await ask_quotas(
                connection, ORGANISATION, PERIOD, "by_hand", "bench", datetime.now().astimezone()
            )
        await self._answer_all(quota_id)
        self._report.seconds = time.monotonic() - began
        await self._hold_together(quota_id)

    async def _answer_all(self, quota_id: str) -> None:
        report, last, told = self._report, time.monotonic(), 0
        while (state := await self._state(quota_id)) in {"", "open"}:
            tasks = await self._camunda.user_tasks(limit=PAGE)
            new = [one for one in tasks if one.process_id == PROCESS and one.key not in self._taken]
            if new:
                await asyncio.gather(*(self._answer(one) for one in new))
                last = time.monotonic()
            elif time.monotonic() - last > STUCK_SECONDS:
                report.lost.append(f"Nothing was asked for {STUCK_SECONDS:.0f} s, and the review is open.")
                break
            if report.tasks >= told + 50:
                told = report.tasks
                self._tell(f"{told} tasks are answered")
            await asyncio.sleep(LOOK_SECONDS)
        report.state = state

    async def _answer(self, task: FoundTask) -> None:
        """A person claims the task and completes it as its form would."""
        self._taken.add(task.key)
        self._instance = task.process_instance_key
        may = [user for user in task.candidate_users if "/" not in user] or ["olga"]
        answers = self._decision(may) if task.element_id == APPROVE else dict(_ANSWERS[task.element_id])
        async with self._hands:
            try:
                await self._camunda.assign_user_task(task.key, may[0])
                await self._camunda.complete_user_task(task.key, answers)
            except RestError as error:
                self._report.lost.append(f"{task.element_id} {task.key} could not be answered: {error}")
                return
        self._report.answered[task.element_id] += 1
        self._report.choices[next(iter(answers.values()))] += 1

    def _decision(self, may: Sequence[str]) -> dict[str, Any]:  # Any: JSON
        drawn = self._chance.random()
        if drawn < SENT_BACK:
            return {"decision_choice": "reject", "decision_comment": "Look again."}
        if drawn < SENT_BACK + DELEGATED and len(may) > 1:
            return {"decision_choice": "delegate", "delegate_to": may[1]}
        return {"decision_choice": "approve"}

    async def _state(self, quota_id: str) -> str:
        async with self._pool.connection() as connection:
            cursor = await connection.execute("SELECT state FROM quotas.reviews WHERE quota_id = %s", (quota_id,))
            row = await cursor.fetchone()
        return "" if row is None else str(row["state"])

    async def _hold_together(self, quota_id: str) -> None:
        report = self._report
        elements = await self._settled()
        report.steps = steps(elements)
        for name, count in report.answered.items():
            states = Counter(one.state for one in elements if one.element == name)
            if states != {"COMPLETED": count}:
                report.lost.append(f"{name}: {count} were answered, the engine has {dict(states)}.")
        incidents = await self._camunda.incidents(self._instance)
        report.lost += [f"Incident at {one.element_id}: {one.message}" for one in incidents]
        async with self._pool.connection() as connection:
            trail, broken_at = await overview.trail(connection, quota_id, links.secret_of(self._settings))
            cases = await overview.cases(connection, quota_id)
            (line,) = await overview.reviews(connection, quota_id=quota_id, limit=1)
        actions = Counter(one.action for one in trail)
        report.quotas, report.passed = len(cases), line.passed
        if broken_at is not None:
            report.lost.append(f"The trail is broken at {broken_at}.")
        if actions["decided"] != report.answered[APPROVE]:
            report.lost.append(f"{report.answered[APPROVE]} decisions, but {actions['decided']} in the trail.")
        if undecided := [one.node for one in cases if one.state != "approved"]:
            report.lost.append(f"{len(undecided)} quotas are not approved, the first {undecided[0]}.")
        if line.state != "published" or set(line.in_use) != {"crm", "erp"}:
            report.lost.append(f"The review is {line.state}; {', '.join(line.in_use) or 'no system'} has the version.")

    async def _settled(self) -> list[Element]:
        """All elements, once Camunda's search has seen the instance's end: they have ended, and no more come."""
        until, before = time.monotonic() + STUCK_SECONDS, 0
        while True:
            found = await self._camunda.elements(self._instance)
            if (found and all(one.ended for one in found) and len(found) == before) or time.monotonic() > until:
                return found
            before = len(found)
            await asyncio.sleep(SETTLE_SECONDS)


_ANSWERS: Mapping[str, Mapping[str, Any]] = {  # Any: JSON
    OBJECT: {"objection_choice": "agree", "objection_reason": None},
    QUESTION: {"plan_choice": "go_on", "plan_target": None},
}


def steps(elements: Sequence[Element]) -> list[Step]:
    """Times of each element, in the order in which they were first reached."""
    lasted: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for one in sorted(elements, key=lambda one: one.began):
        if one.ended is not None:
            lasted[one.element, one.kind].append((one.ended - one.began).total_seconds())
    return [Step(name, kind, times) for (name, kind), values in lasted.items() if (times := spread(values)) is not None]


async def bench(settings: Settings, report: Report, tell: Tell) -> None:
    """Load the organisation into the stack of these settings, and have a round there."""
    pool = await open_pool(settings.dsn, min_size=1, max_size=4)
    try:
        await _load(pool, report.plan)
        async with RoundRest(settings) as camunda:
            await Round(camunda, pool, settings, report, tell).run()
    finally:
        await pool.close()


async def _load(pool: Pool, plan: Plan) -> None:
    from workers.quota_approval.planning.sample import write_sample  # noqa: PLC0415 - needs an extra

    with tempfile.TemporaryDirectory() as folder:
        write_sample(Path(folder), reps=plan.reps, seed=plan.seed)
        tables, rules, _ = loading.read_folder(Path(folder))
    rules.pop("change")
    made = Organisation(ORGANISATION, "Bench", rules["currency"], "UTC", "US", ("crm", "erp"), {}, rules, None)
    units = [(f"m-{row['unit']}", "manager", row["unit"]) for row in tables["units"] if row["parent"]]
    reps = [row["rep"] for row in tables["reps"] if row["period"] == PERIOD]
    staff = [("dora", "director"), ("dirk", "director"), ("fina", "finance"), ("finn", "finance"), ("olga", "ops")]
    people = [
        *units,
        *((login, role, None) for login, role in staff),
        *((rep.lower(), "rep", rep) for rep in reps[::REP_WITH_LOGIN]),
    ]
    persons = [Person(login, login, f"{login}@fairlead.example", role, node, None, None, None) for login, role, node in people]  # fmt: skip
    async with pool.connection() as connection:
        await loading.load(connection, made, tables, persons)


def _element(one: Mapping[str, Any]) -> Element:  # Any: JSON
    began, ended = datetime.fromisoformat(one["startDate"]), moment(one.get("endDate"))
    return Element(one["flowNodeId"], one["type"], one["state"], began, ended)
