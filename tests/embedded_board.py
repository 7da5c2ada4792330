"""What Camunda's REST API shows, by the records of the engine in memory, which has none: incidents and user tasks.

`camunda.OperationsRest`, which does so elsewhere, is tested in tests/stack/test_operations.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workers.engine.driven import DrivenEngine
from workers.engine.found import FoundTask
from workers.engine.rest import RestError
from workers.operations.model import Incident

HEALING_RULES = {"healing_rules.dmn": Path("dmn/healing_rules.dmn").read_bytes()}
"""What an engine needs so that self-healing can ask what to do."""


class EmbeddedBoard:
    """`healing.hands.Board`; business ids by the variable `case_variable`."""

    def __init__(self, engine: DrivenEngine, process: str, case_variable: str = "case") -> None:
        self._engine = engine
        self._process = process
        self._case_variable = case_variable

    async def open_incidents(self, limit: int) -> list[Incident]:
        found = await asyncio.to_thread(self._engine.incidents)
        return [_incident(one) for one in found if one["value"]["bpmnProcessId"] == self._process][:limit]

    async def with_business_ids(self, items: Sequence[Incident]) -> list[Incident]:
        return [self._named(one) for one in items]

    async def set_variables(self, element_instance_key: int, variables: Mapping[str, Any]) -> None:
        raise NotImplementedError("over REST only")

    async def user_tasks(
        self, state: str | None = "CREATED", process_instance_key: int | None = None, element_id: str | None = None
    ) -> list[FoundTask]:
        assert state == "CREATED"
        found = await asyncio.to_thread(self._engine.open_user_tasks, process_instance_key, element_id)
        return [
            FoundTask(
                key=one.key, element_id=one.element_id, state="CREATED", process_id=one.process_id,
                process_instance_key=one.process_instance_key, assignee=one.assignee,
                candidate_groups=one.candidate_groups, candidate_users=one.candidate_users, form_key=one.form_key,
                created_at=None, due_at=one.due_date,
            )
            for one in found
        ]  # fmt: skip

    async def complete_user_task(self, key: int, variables: dict[str, Any] | None = None) -> None:
        try:
            await asyncio.to_thread(self._engine.complete_user_task, key, variables)
        except LookupError as error:
            raise RestError(f"complete user task {key}", 404, str(error)) from error

    def _named(self, one: Incident) -> Incident:
        case = str(self._engine.variables(one.process_instance_key)[self._case_variable])
        return Incident(**{name: getattr(one, name) for name in Incident.__slots__} | {"business_id": case})


def _incident(record: dict[str, Any]) -> Incident:
    value = record["value"]
    return Incident(
        key=record["key"],
        process=value["bpmnProcessId"],
        element=value["elementId"],
        business_id="",
        message=value["errorMessage"],
        error_type=value["errorType"],
        since=datetime.fromtimestamp(record["timestamp"] / 1000, UTC),
        process_instance_key=value["processInstanceKey"],
        job_key=value["jobKey"] if value["jobKey"] > 0 else None,
        element_instance_key=value["elementInstanceKey"],
    )
