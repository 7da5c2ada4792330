"""Quota approval around an embedded engine: quotas are asked for, planned for real, and people decide in Tasklist.

Camunda's search, which the embedded engine lacks, is answered from the engine's own records: who completed a task is
what Zeebe wrote down, not what a test says.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI, Request, Response

from tests.process.building import Building, open_building
from workers.engine.driven import DrivenEngine
from workers.engine.records import UserTask
from workers.gateway import quota_commands
from workers.quota_approval.adapters.asking import ask_adjustment, ask_quotas
from workers.quota_approval.adapters.loading import load
from workers.quota_approval.domain.people import Person
from workers.quota_approval.domain.reviews import Organisation

PERIOD = "2027"
LONG = timedelta(seconds=600)
"""The planner starts a process and imports much."""
Tables = dict[str, list[dict[str, str]]]
GROUPS = ("sales-ops", "sales-managers", "sales-directors", "sales-finance")
LAST = {"a1": 44_000, "a2": 40_000, "b1": 56_000, "b2": 56_000}
"""Quotas of the period before; about 57,000 are planned for each now."""


def tables() -> Tables:
    """Two teams of two reps, as many segments, and the period before."""
    months = [f"{month:02}" for month in range(1, 13)]
    reps = {"a1": ("A", "Ana"), "a2": ("A", "Ali"), "b1": ("B", "Ben"), "b2": ("B", "Bea")}
    return {
        "units": [
            {"unit": "all", "parent": "", "level": "company", "name": "Field"},
            {"unit": "A", "parent": "all", "level": "team", "name": "Team A"},
            {"unit": "B", "parent": "all", "level": "team", "name": "Team B"},
        ],
        "reps": [
            {"period": period, "rep": rep, "name": name, "unit": unit, "hired": "2020-01-01", "left": ""}
            for period in ("2026", PERIOD)
            for rep, (unit, name) in reps.items()
        ],
        "territories": [
            {"period": period, "rep": rep, "segment": "north" if rep[0] == "a" else "south", "potential": "100"}
            for period in ("2026", PERIOD)
            for rep in reps
        ],
        "forecast": [
            {"period": period, "segment": segment, "month": f"{period}-{month}", "value": "10000", "lo80": "9000",
             "hi80": "11000"}
            for period in ("2026", PERIOD)
            for segment in ("north", "south")
            for month in months
        ],
        "results": [
            {"period": "2026", "node": rep, "quota": str(quota), "result": str(quota)} for rep, quota in LAST.items()
        ],
    }  # fmt: skip


def rules(**changes: object) -> dict[str, object]:
    """What the planner is told."""
    return {"name": "field", "target": 228_000, "draws": 1_000, **changes}


def people() -> list[Person]:
    """Managers of both teams, a director, two of finance, one of operations, and two reps with a log-in."""
    rows = [
        ("mona", "manager", "A"), ("max", "manager", "B"), ("dora", "director", None), ("dirk", "director", None),
        ("fina", "finance", None), ("finn", "finance", None), ("olga", "ops", None), ("ana", "rep", "a1"),
        ("ben", "rep", "b1"),
    ]  # fmt: skip
    return [
        Person(login, login.title(), f"{login}@fairlead.example", role, node, None, None, None)
        for login, role, node in rows
    ]


class Approvals(Building):
    """Quota approval."""

    context = process = "quota_approval"
    business_key = "quota_id"

    async def until(
        self, condition: Callable[[], object], what: str, instance: int | None = None, within: timedelta = LONG
    ) -> None:
        """As in `Building`, with the patience that the planner's process needs on a busy machine."""
        await super().until(condition, what, instance, max(within, LONG))

    async def organisation(
        self,
        given: Tables | None = None,
        *,
        forecast_of: str | None = None,
        territories_of: str | None = None,
        but: Collection[str] = (),
        **changes: object,
    ) -> None:
        """The organisation with its tables and people `but` some, in place of what was loaded before."""
        made = Organisation(
            id="field",
            name="Field",
            currency="EUR",
            timezone="UTC",
            holidays="US",
            targets=("crm", "erp"),
            people={group: (f"{group}@fairlead.example",) for group in GROUPS},
            rules=rules(**changes),
            forecast_of=forecast_of,
            territories_of=territories_of,
        )
        async with self.pool.connection() as connection:
            staff = [one for one in people() if one.login not in but]
            await load(connection, made, tables() if given is None else given, staff)

    async def ask(self) -> str:
        """Somebody asks for quotas; returns the review's id."""
        async with self.pool.connection() as connection:
            quota_id, asked = await ask_quotas(connection, "field", PERIOD, "schedule", "test", self.now())
        assert asked
        await self.instance(quota_id)
        return quota_id

    async def ask_adjustment(self, concerned: Sequence[str], change_percent: float) -> str:
        """Somebody asks for other quotas within the period; returns the review's id."""
        async with self.pool.connection() as connection:
            quota_id, asked = await ask_adjustment(
                connection, "field", PERIOD, concerned, change_percent, "test", self.now()
            )
        assert asked
        await self.instance(quota_id)
        return quota_id

    async def start_by_hand(self) -> str:
        """Somebody fills the start form in Tasklist; returns the id that the diagram gives."""
        key = await self.client.start(self.process, {"organisation": "field", "period": PERIOD, "asked_by": "olga"})
        await self.until(lambda: self.engine.variables(key).get("quota_id"), "the id to be given")
        return str(self.engine.variables(key)["quota_id"])

    async def withdraw(self, quota_id: str) -> None:
        """The review is withdrawn from outside."""
        async with self.pool.connection() as connection:
            assert await quota_commands.withdraw(connection, quota_id, "not needed", actor="test", ttl_seconds=3600)

    async def about(self, quota_id: str, element_id: str, node: str) -> UserTask:
        """The open task about a quota, once it is there."""
        instance = await self.instance(quota_id)

        def found() -> list[UserTask]:
            return [
                task
                for task in self.engine.open_user_tasks(instance, element_id)
                if node in {(task.variables.get(name) or {}).get("node") for name in ("approval", "objector")}
            ]

        await self.until(found, f"{element_id} of {node}", instance)
        return found()[0]

    async def answer(self, task: UserTask, login: str | None, **answers: object) -> None:
        """A person claims a task and completes it as its form would; without a log-in nobody claims it."""
        if login is not None:
            await asyncio.to_thread(self.engine.assign_user_task, task.key, login)
        await asyncio.to_thread(self.engine.complete_user_task, task.key, answers)
        await self.until(
            lambda: task.key not in {one.key for one in self.engine.open_user_tasks()}, f"{task.element_id} to be done"
        )

    async def decide(
        self, quota_id: str, node: str, login: str | None, choice: str = "approve", **more: object
    ) -> UserTask:
        """A person decides about a quota."""
        task = await self.about(quota_id, "approve_quota", node)
        empty = dict.fromkeys(("adjust_amount", "adjust_reason", "decision_comment", "delegate_to"))
        await self.answer(task, login, decision_choice=choice, **empty | more)
        return task

    async def approve_rest(self, quota_id: str, *nodes: str) -> None:
        """Director and finance approve the whole, managers and the director what else is named."""
        for node in nodes:
            await self.decide(quota_id, node, "mona" if node.startswith("a") else "max")
        await self.decide(quota_id, "all", "dora")
        await self.decide(quota_id, "all", "fina")

    async def nobody_objects(self, quota_id: str, times: int = 1) -> None:
        """Time for objections passes."""
        await self.passed(quota_id, "open_objections", times)
        variables = self.engine.variables(await self.instance(quota_id))
        await self.travel_to(datetime.fromisoformat(variables["objections_close_at"]))

    async def quotas(self, quota_id: str) -> dict[str, int]:
        """Cents by node, as they stand in the review."""
        rows = await self.rows("SELECT node, quota FROM quotas.cases WHERE quota_id = %s", quota_id)
        return {row["node"]: row["quota"] for row in rows}

    async def in_use(self, target: str) -> str | None:
        """The version that a target works with, when the outbox is empty."""

        async def sent() -> bool:
            return not await self.rows("SELECT FROM runtime.outbox")

        await self.until_async(sent, "the outbox to be empty")
        rows = await self.rows(f"SELECT version FROM {target}.quotas_in_use")
        return str(rows[0]["version"]) if rows else None

    async def state(self, quota_id: str) -> str:
        """State of a review in the book."""
        return str((await self.row("SELECT state FROM quotas.reviews WHERE quota_id = %s", quota_id))["state"])

    async def refuse(self, target: str) -> str:
        """The ERP takes no quotas that begin so early, the CRM none in this currency; what it will say."""
        column, value, why = {
            "crm": ("currency", "USD", "it takes USD only, and the quotas are in EUR"),
            "erp": ("closed_through", "2099-12-31", "its books are closed up to 2099-12-31"),
        }[target]
        async with self.pool.connection() as connection:
            await connection.execute(
                f"INSERT INTO {target}.quota_terms (organisation, {column}) VALUES ('field', %s)"
                f" ON CONFLICT (organisation) DO UPDATE SET {column} = excluded.{column}".encode(),
                (value,),
            )
        return why

    async def overdue(self, quota_id: str, element_id: str, deadlines: str) -> None:
        """Reminder and escalation of a task come when they are due."""
        task = await self.task(quota_id, element_id)
        for name, end in (("remind_at", "reminder_sent"), ("escalate_at", "escalated")):
            await self.travel_to(datetime.fromisoformat(task.variables[deadlines][name]))
            await self.passed(quota_id, f"{end}__{element_id}")


AnyApprovals = TypeVar("AnyApprovals", bound=Approvals)


@contextlib.asynccontextmanager
async def open_approvals(
    kind: type[AnyApprovals], engine: DrivenEngine, dsn: str, **settings: object
) -> AsyncIterator[AnyApprovals]:
    """Quota approval with a search over the engine's records; no task is served yet."""
    async with (
        open_building(kind, engine, dsn, **settings) as opened,
        _search(engine, opened.settings.ports.camunda_http),
    ):
        yield opened


@contextlib.asynccontextmanager
async def _search(engine: DrivenEngine, port: int) -> AsyncIterator[None]:
    app = FastAPI()

    @app.post("/api/login")
    async def log_in() -> Response:
        return Response(status_code=404)  # as from 8.8 on

    @app.get("/v2/topology")
    async def topology() -> dict[str, str]:
        return {"gatewayVersion": "8.8.21"}

    @app.post("/v2/user-tasks/search")
    async def search(request: Request) -> dict[str, Any]:
        wanted: Mapping[str, str] = (await request.json())["filter"]
        found = [
            {
                "userTaskKey": str(task.key),
                "elementId": task.element_id,
                "state": "COMPLETED",
                "processDefinitionId": task.process_id,
                "processInstanceKey": str(task.process_instance_key),
                "assignee": task.assignee,
                "candidateGroups": list(task.candidate_groups),
            }
            for task in engine.completed_user_tasks()
            if (str(task.process_instance_key), task.element_id) == (wanted["processInstanceKey"], wanted["elementId"])
            and wanted["candidateUser"] in task.candidate_users
        ]
        return {"items": found}

    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    serving = asyncio.create_task(server.serve())
    try:
        await engine.until(lambda: server.started, "the search to answer")
        yield
    finally:
        server.should_exit = True
        await serving


HALF_A_MINUTE = timedelta(seconds=30)
