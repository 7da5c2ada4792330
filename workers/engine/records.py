"""What the embedded engine's record stream tells: instances, elements, flows, variables, user tasks, incidents.

Value types, intents and fields are Zeebe's own; each record is Zeebe's ``Record.toJson()`` parsed to a dict with
``key``, ``position``, ``recordType`` (``EVENT``, ``COMMAND``, ``COMMAND_REJECTION``), ``valueType``, ``intent``,
``value``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Record = dict[str, Any]
"""One parsed record; its ``value`` differs for each value type, so it has no closer type."""

ENDED = {"ELEMENT_COMPLETED", "ELEMENT_TERMINATED"}


@dataclass(frozen=True)
class UserTask:
    """A user task that waits for a person."""

    key: int
    element_id: str
    process_id: str
    process_instance_key: int
    element_instance_key: int
    form_key: int | None
    form_id: str | None
    due_date: datetime | None
    follow_up_date: datetime | None
    assignee: str | None
    candidate_groups: tuple[str, ...]
    candidate_users: tuple[str, ...]
    variables: dict[str, Any]
    """All variables that the task sees: its own and those of the scopes around it."""


@dataclass(frozen=True)
class Element:
    """One element instance."""

    key: int
    element_id: str
    element_type: str
    """BPMN type as Zeebe names it: ``SERVICE_TASK``, ``BOUNDARY_EVENT``, …"""
    process_instance_key: int
    scope_key: int
    """Key of the element instance around it; -1 for a process instance."""
    state: str
    """The last life-cycle intent, such as ``ELEMENT_ACTIVATED`` or ``ELEMENT_COMPLETED``."""


@dataclass
class RecordIndex:
    """Follows a record stream; each record is looked at once."""

    records: list[Record] = field(default_factory=list)
    _elements: dict[int, Element] = field(default_factory=dict)
    _by_instance: dict[int, dict[int, Element]] = field(default_factory=dict)
    """The same by process instance: who waits asks for one instance's again and again, and there may be thousands."""
    _instances: dict[int, Element] = field(default_factory=dict)
    """The process instances among them."""
    _process_ids: dict[int, str] = field(default_factory=dict)
    _variables: dict[int, dict[str, Any]] = field(default_factory=dict)
    _tasks: dict[int, dict[str, Any]] = field(default_factory=dict)
    _forms: dict[int, str] = field(default_factory=dict)
    _incidents: dict[int, Record] = field(default_factory=dict)
    _completed: dict[str, set[str]] = field(default_factory=dict)
    _flows: dict[str, set[str]] = field(default_factory=dict)

    def add(self, records: Iterable[Record]) -> None:
        """Take in the records that are new since the last call, in order."""
        for record in records:
            self.records.append(record)
            if record["recordType"] != "EVENT":
                continue
            match record["valueType"]:
                case "PROCESS_INSTANCE":
                    self._process_instance(record)
                case "VARIABLE" if record["intent"] in {"CREATED", "UPDATED"}:  # one that was moved tells no value
                    value = record["value"]
                    self._variables.setdefault(value["scopeKey"], {})[value["name"]] = json.loads(value["value"])
                case "USER_TASK":
                    self._user_task(record)
                case "FORM" if record["intent"] == "CREATED":
                    self._forms[record["value"]["formKey"]] = record["value"]["formId"]
                case "INCIDENT" if record["intent"] in {"CREATED", "RESOLVED"}:
                    if record["intent"] == "CREATED":
                        self._incidents[record["key"]] = record
                    else:
                        self._incidents.pop(record["key"], None)

    def process_instances(self, process_id: str | None = None, *, active_only: bool = False) -> list[Element]:
        """Process instances in the order in which they started."""
        return [
            element
            for element in self._instances.values()
            if process_id in {None, self._process_ids[element.key]} and not (active_only and element.state in ENDED)
        ]

    def elements(self, process_instance_key: int) -> list[Element]:
        """All element instances of a process instance with their present state, in the order they appeared."""
        return list(self._by_instance.get(process_instance_key, {}).values())

    def variables(self, scope_key: int) -> dict[str, Any]:
        """Variables visible in a scope: ``scope_key`` is the key of a process instance or an element instance."""
        element = self._elements.get(scope_key)
        outer = self.variables(element.scope_key) if element and element.scope_key > 0 else {}
        return outer | self._variables.get(scope_key, {})

    def open_user_tasks(self, process_instance_key: int | None = None, element_id: str | None = None) -> list[UserTask]:
        """User tasks that wait for a person, oldest first."""
        return [
            self._task(key, value)
            for key, value in self._tasks.items()
            if process_instance_key in {None, value["processInstanceKey"]} and element_id in {None, value["elementId"]}
        ]

    def completed_user_tasks(self) -> list[UserTask]:
        """User tasks that were completed, in that order."""
        return [
            self._task(record["key"], record["value"])
            for record in self.records
            if record["recordType"] == "EVENT" and (record["valueType"], record["intent"]) == ("USER_TASK", "COMPLETED")
        ]

    def incidents(self, process_instance_key: int | None = None) -> list[Record]:
        """Unresolved incidents, as records; ``value`` has ``errorType``, ``errorMessage`` and ``elementId``."""
        return [
            record
            for record in self._incidents.values()
            if process_instance_key in {None, record["value"]["processInstanceKey"]}
        ]

    def rejections(self) -> list[Record]:
        """Commands that the engine refused; ``rejectionType`` and ``rejectionReason`` say why."""
        return [record for record in self.records if record["recordType"] == "COMMAND_REJECTION"]

    def completed_elements(self, process_id: str) -> set[str]:
        """Ids of the elements of a process that were completed at least once, in any instance."""
        return self._completed.get(process_id, set())

    def taken_flows(self, process_id: str) -> set[str]:
        """Ids of the sequence flows of a process that were taken at least once, in any instance."""
        return self._flows.get(process_id, set())

    def _process_instance(self, record: Record) -> None:
        value, intent = record["value"], record["intent"]
        process_id, element_id = value["bpmnProcessId"], value["elementId"]
        if intent == "SEQUENCE_FLOW_TAKEN":
            self._flows.setdefault(process_id, set()).add(element_id)
            return
        if not intent.startswith("ELEMENT_"):
            return
        known = self._elements.get(record["key"])
        element = self._elements[record["key"]] = Element(
            key=record["key"],
            element_id=element_id,
            element_type=value["bpmnElementType"],
            process_instance_key=value["processInstanceKey"],
            scope_key=value["flowScopeKey"],
            state=known.state if known and intent == "ELEMENT_MIGRATED" else intent,  # it goes on as it was
        )
        self._by_instance.setdefault(element.process_instance_key, {})[element.key] = element
        if element.element_type == "PROCESS":
            self._instances[element.key] = element
        self._process_ids[record["key"]] = process_id
        if intent == "ELEMENT_COMPLETED":
            self._completed.setdefault(process_id, set()).add(element_id)

    def _user_task(self, record: Record) -> None:
        if record["intent"] in {"CREATED", "ASSIGNED", "UPDATED", "MIGRATED"}:
            self._tasks[record["value"]["userTaskKey"]] = record["value"]
        elif record["intent"] in {"COMPLETED", "CANCELED"}:
            self._tasks.pop(record["value"]["userTaskKey"], None)

    def _task(self, key: int, value: dict[str, Any]) -> UserTask:
        form_key = value["formKey"] if value["formKey"] > 0 else None
        return UserTask(
            key=key,
            element_id=value["elementId"],
            process_id=value["bpmnProcessId"],
            process_instance_key=value["processInstanceKey"],
            element_instance_key=value["elementInstanceKey"],
            form_key=form_key,
            form_id=self._forms.get(form_key) if form_key else None,
            due_date=_moment(value["dueDate"]),
            follow_up_date=_moment(value["followUpDate"]),
            assignee=value["assignee"] or None,
            candidate_groups=tuple(value["candidateGroupsList"]),
            candidate_users=tuple(value["candidateUsersList"]),
            variables=self.variables(value["elementInstanceKey"]),
        )


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
