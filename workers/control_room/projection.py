"""What records mean for the read model: a page of them becomes rows, and the rows become one write.

Rows are merged, so that a page may come again, or a part of it: a moment that is known stays, and what a newer record said
stands (each row knows the log position of its newest). Reading from nothing therefore ends where reading on ended.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.control_room.exported import Kind, Record
from workers.control_room.settling import unsettle
from workers.control_room.tables import MERGED

Row = dict[str, Any]
"""A row of the read model; times as ISO 8601 text."""

INSTANCES = Kind(
    "PROCESS_INSTANCE",
    "process-instance",
    ("ELEMENT_ACTIVATING", "ELEMENT_COMPLETED", "ELEMENT_TERMINATED", "ELEMENT_MIGRATED"),
    (
        "bpmnElementType", "bpmnProcessId", "elementId", "flowScopeKey", "parentProcessInstanceKey",
        "processDefinitionKey", "processInstanceKey", "version",
    ),
)  # fmt: skip
USER_TASKS = Kind(
    "USER_TASK",
    "user-task",
    ("CREATED", "ASSIGNED", "UPDATED", "MIGRATED", "COMPLETED", "CANCELED"),
    (
        "assignee", "bpmnProcessId", "candidateGroupsList", "candidateUsersList", "dueDate", "elementId",
        "elementInstanceKey", "processDefinitionKey", "processInstanceKey",
    ),
)  # fmt: skip
INCIDENTS = Kind(
    "INCIDENT",
    "incident",
    ("CREATED", "RESOLVED", "MIGRATED"),
    (
        "bpmnProcessId", "elementId", "elementInstanceKey", "errorMessage", "errorType", "jobKey",
        "processDefinitionKey", "processInstanceKey",
    ),
)  # fmt: skip
PROCESSES = Kind(
    "PROCESS", "process", ("CREATED",), ("bpmnProcessId", "processDefinitionKey", "resource", "version", "versionTag")
)
MODIFICATIONS = Kind(
    "PROCESS_INSTANCE_MODIFICATION",
    "process-instance-modification",
    ("MODIFIED",),
    ("activateInstructions.elementId", "processInstanceKey"),
)
JOBS = Kind(
    "JOB",
    "job",
    ("FAILED", "RECURRED_AFTER_BACKOFF"),
    (
        "bpmnProcessId", "elementId", "elementInstanceKey", "processDefinitionKey", "processInstanceKey", "recurringTime",
        "retries", "retryBackoff", "type",
    ),
)  # fmt: skip
"""Only of those that failed: how many wait for their next try, and until when."""
KINDS = (PROCESSES, INSTANCES, USER_TASKS, INCIDENTS, MODIFICATIONS, JOBS)


# What a merge changes in the counts: the rows as they are now, less the rows as they were (which a statement still sees).
_COUNTED = """
    WITH found AS ({merge} RETURNING known.*),
    changes AS (
        SELECT 1 AS sign, * FROM found
        UNION ALL SELECT -1, * FROM control.elements WHERE key = ANY(%s)
    ), days AS (
        SELECT sign, process_key, (started_at AT TIME ZONE 'UTC')::date AS day, element, kind, completed,
               control.milliseconds(started_at, ended_at) AS took
        FROM changes WHERE started_at IS NOT NULL
    )
    INSERT INTO control.element_days AS known
    SELECT process_key, day, element, kind, control.class_of(took), sum(sign), sum(sign * (completed IS FALSE)::int),
           coalesce(sum(sign * took), 0)
    FROM days GROUP BY 1, 2, 3, 4, 5 HAVING sum(sign) <> 0 OR sum(sign * took) <> 0
    ON CONFLICT (process_key, day, element, kind, class) DO UPDATE SET number = known.number + excluded.number,
        forced = known.forced + excluded.forced, milliseconds = known.milliseconds + excluded.milliseconds
"""

# People's time is what the figures of speed ask for, of many instances at once: added up here, where a task ends.
_HUMAN = """
    UPDATE control.instances i SET human_seconds = spent.seconds
    FROM (
        SELECT instance_key, extract(epoch FROM sum(upper(part) - lower(part)))::float8 AS seconds
        FROM (SELECT instance_key, range_agg(tstzrange(created_at, ended_at)) AS parts FROM control.user_tasks
              WHERE instance_key = ANY(%s) AND created_at <= ended_at GROUP BY instance_key) AS tasks,
             unnest(parts) AS part
        GROUP BY instance_key
    ) AS spent
    WHERE i.key = spent.instance_key
"""

Rows = dict[str, dict[int, Row]]
"""By table and key."""


def rows_of(kind: Kind, records: Iterable[Record]) -> Rows:
    """The rows that records of one kind make, in the order of the log."""
    rows: Rows = {}
    for record in records:
        _READERS[kind.value_type](rows, record)
    return rows


async def write(connection: AsyncConnection[DictRow], rows: Rows) -> int:
    """Merge rows into the read model, in the caller's transaction; how many."""
    for table in MERGED:
        found = rows.get(table.name, {})
        if found and table.name == "elements":
            query = _COUNTED.format(merge=table.merge)
            await connection.execute(query.encode(), (Jsonb(list(found.values())), list(found)))
        elif found:
            await connection.execute(table.merge, (Jsonb(list(found.values())),))
    parts = (row for name in ("user_tasks", "modifications") for row in rows.get(name, {}).values())
    touched = {row["instance_key"] for row in parts} | set(rows.get("instances", {}))
    if touched:
        await connection.execute(_HUMAN, (sorted(touched),))
    await unsettle(connection, "key", touched)
    await unsettle(connection, "process_key", rows.get("processes", {}))
    return sum(len(found) for found in rows.values())


def _merged(rows: Rows, table: str, record: Record, moments: Row, **columns: Any) -> None:  # noqa: ANN401 - of many types
    known = rows.setdefault(table, {}).setdefault(int(record["key"]), {})
    known.update(columns, key=int(record["key"]), position=int(record["position"]))
    known.update({name: value for name, value in moments.items() if value is not None and known.get(name) is None})


def _process(rows: Rows, record: Record) -> None:
    value, diagram = record["value"], base64.b64decode(record["value"]["resource"]).decode()
    _merged(
        rows, "processes", record, {}, process=value["bpmnProcessId"], version=value["version"],
        version_tag=value.get("versionTag") or "", deployed_at=_moment(record), diagram=diagram, names=names_of(diagram),
    )  # fmt: skip


def names_of(diagram: str) -> dict[str, str]:
    """What a BPMN diagram calls its process and its elements, by id; those without a name are left out."""
    found = ElementTree.fromstring(diagram).iter()  # noqa: S314 - the engine has accepted it
    named = {one.get("id"): " ".join(one.get("name", "").split()) for one in found}
    return {name: text for name, text in named.items() if name and text}


def _element(rows: Rows, record: Record) -> None:
    value = record["value"]
    life = _life(record, "started_at", "ELEMENT_ACTIVATING", "ELEMENT_COMPLETED", "ELEMENT_TERMINATED")
    process_key = value["processDefinitionKey"]
    if value["bpmnElementType"] == "PROCESS":
        parent = value.get("parentProcessInstanceKey") or 0
        _merged(
            rows, "instances", record, life, process_key=process_key, process=value["bpmnProcessId"],
            version=value["version"], parent_key=parent if parent > 0 else None,
        )  # fmt: skip
    else:
        _merged(
            rows, "elements", record, life, instance_key=value["processInstanceKey"], process_key=process_key,
            element=value["elementId"], kind=value["bpmnElementType"], scope_key=value["flowScopeKey"],
        )  # fmt: skip


def _user_task(rows: Rows, record: Record) -> None:
    value = record["value"]
    life = _life(record, "created_at", "CREATED", "COMPLETED", "CANCELED")
    if "created_at" in life:
        life["users"] = value.get("candidateUsersList") or []
    _merged(
        rows, "user_tasks", record, life, **_place(value),
        assignee=value.get("assignee") or "", groups=value.get("candidateGroupsList") or [],
        due_at=value.get("dueDate") or None,
    )  # fmt: skip


def _incident(rows: Rows, record: Record) -> None:
    value, at, intent = record["value"], _moment(record), record["intent"]
    job = value.get("jobKey") or 0
    moments = {"CREATED": {"raised_at": at}, "RESOLVED": {"resolved_at": at}}.get(intent, {})
    _merged(
        rows, "incidents", record, moments, **_place(value), job_key=job if job > 0 else None, kind=value["errorType"],
        message=value["errorMessage"],
    )  # fmt: skip


def _modification(rows: Rows, record: Record) -> None:
    value = record["value"]
    begun, at = [one["elementId"] for one in value.get("activateInstructions") or []], _moment(record)
    _merged(rows, "modifications", record, {}, instance_key=value["processInstanceKey"], elements=begun, at=at)


def _job(rows: Rows, record: Record) -> None:
    value = record["value"]
    until = None
    if record["intent"] == "FAILED" and value["retries"] > 0 and value["retryBackoff"] > 0:
        until = datetime.fromtimestamp(value["recurringTime"] / 1000, UTC).isoformat()
    _merged(rows, "jobs", record, {}, **_place(value), job_type=value["type"], waits_until=until)


def _life(record: Record, began: str, begins: str, completes: str, is_forced: str) -> Row:
    """The moments of something that begins, and completes or is ended by force."""
    at, intent = _moment(record), record["intent"]
    if intent == begins:
        return {began: at}
    return {"ended_at": at, "completed": intent == completes} if intent in {completes, is_forced} else {}


def _place(value: Mapping[str, Any]) -> Row:
    return {
        "instance_key": value["processInstanceKey"],
        "process_key": value["processDefinitionKey"],
        "process": value["bpmnProcessId"],
        "element": value["elementId"],
        "element_key": value["elementInstanceKey"],
    }


def _moment(record: Record) -> str:
    return moment_of(record).isoformat()


def moment_of(record: Record) -> datetime:
    """When the engine wrote it; the exporter gives milliseconds since 1970."""
    return datetime.fromtimestamp(record["timestamp"] / 1000, UTC)


_READERS: dict[str, Callable[[Rows, Record], None]] = {
    INSTANCES.value_type: _element,
    USER_TASKS.value_type: _user_task,
    INCIDENTS.value_type: _incident,
    JOBS.value_type: _job,
    PROCESSES.value_type: _process,
    MODIFICATIONS.value_type: _modification,
}
