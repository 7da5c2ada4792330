"""What the searches of Camunda's REST API find, made equal for 8.6 to 8.9 (see `workers.engine.rest`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

Json = dict[str, Any]
"""A JSON object as the API sends it."""


@dataclass(frozen=True)
class FoundTask:
    """A user task as the search shows it."""

    key: int
    element_id: str
    state: str
    process_id: str
    process_instance_key: int
    assignee: str | None
    candidate_groups: tuple[str, ...]
    candidate_users: tuple[str, ...]
    form_key: int | None
    created_at: datetime | None
    due_at: datetime | None
    """Not told by the search of 8.6, which leaves it out."""
    completed_at: datetime | None = None


@dataclass(frozen=True)
class FoundIncident:
    """An incident as the search shows it."""

    key: int
    process_instance_key: int
    element_id: str
    error_type: str
    message: str
    job_key: int | None


@dataclass(frozen=True)
class FoundInstance:
    """A process instance as the search shows it."""

    key: int
    process_id: str
    state: str
    has_incident: bool


def task_of(one: Json) -> FoundTask:
    """A user task from the search's answer."""
    groups = one.get("candidateGroups") or one.get("candidateGroup") or ()
    users = one.get("candidateUsers") or one.get("candidateUser") or ()
    return FoundTask(
        key=int(one.get("userTaskKey") or one["key"]),
        element_id=one["elementId"],
        state=one["state"],
        process_id=one["processDefinitionId"],
        process_instance_key=int(one["processInstanceKey"]),
        assignee=one.get("assignee") or None,
        candidate_groups=tuple(groups),
        candidate_users=tuple(users),
        form_key=int(one["formKey"]) if one.get("formKey") else None,
        created_at=moment(one.get("creationDate")),
        due_at=moment(one.get("dueDate")),
        completed_at=moment(one.get("completionDate")),
    )


def incident_of(one: Json) -> FoundIncident:
    """An incident from the search's answer."""
    return FoundIncident(
        key=int(one.get("incidentKey") or one["key"]),
        process_instance_key=int(one["processInstanceKey"]),
        element_id=str(one.get("elementId") or one.get("flowNodeId") or ""),
        error_type=str(one.get("errorType") or one.get("type") or ""),
        message=str(one.get("errorMessage") or one.get("message") or ""),
        job_key=int(one["jobKey"]) if one.get("jobKey") else None,
    )


def instance_of(one: Json) -> FoundInstance:
    """A process instance from the search's answer."""
    return FoundInstance(
        key=int(one.get("processInstanceKey") or one["key"]),
        process_id=str(one.get("processDefinitionId") or one["bpmnProcessId"]),
        state=one["state"],
        has_incident=bool(one.get("hasIncident", one.get("incident"))),
    )


def moment(text: str | None) -> datetime | None:
    """A time from a search's answer, with its zone; None if it has none."""
    return datetime.fromisoformat(text) if text else None
