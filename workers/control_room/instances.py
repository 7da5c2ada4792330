"""One process instance: what it went through, how long each step took, who was asked, what went wrong."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.control_room.reading import read_rows

MOST = 500
"""Steps that are shown."""

_INSTANCE = """
    SELECT i.*, p.version_tag, p.key IS NOT NULL AS drawn, coalesce(p.names, '{}') AS names,
           control.case_of(i.key) AS case_id, l.state AS lead_state,
           coalesce(l.lead->>'name', l.raw->>'name') AS name, coalesce(l.lead->>'company', l.raw->>'company') AS company,
           r.name AS owner, l.routing->>'territory' AS team, l.sla_due_at,
           extract(epoch FROM coalesce(i.ended_at, clock_timestamp()) - i.started_at)::float8 AS seconds, people.seconds
               AS people_seconds
    FROM control.instances i
    CROSS JOIN LATERAL (
        SELECT coalesce(extract(epoch FROM sum(upper(part) - lower(part))), 0)::float8 AS seconds
        FROM (SELECT range_agg(tstzrange(created_at, coalesce(ended_at, clock_timestamp()))) AS parts
              FROM control.user_tasks WHERE instance_key = i.key AND created_at <= coalesce(ended_at, clock_timestamp())
             ) AS tasks, unnest(parts) AS part
    ) AS people
    LEFT JOIN control.processes p ON p.key = i.process_key
    LEFT JOIN routing.leads l ON l.process_instance_key = i.key
    LEFT JOIN routing.reps r ON r.id = l.owner_id
    WHERE i.key = %(key)s
"""
_STEPS = """
    SELECT key, element, kind, scope_key, started_at, ended_at, completed,
           extract(epoch FROM coalesce(ended_at, clock_timestamp()) - started_at)::float8 AS seconds
    FROM control.elements WHERE instance_key = %(key)s AND started_at IS NOT NULL ORDER BY started_at, key LIMIT %(most)s
"""
_TASKS = "SELECT * FROM control.user_tasks WHERE instance_key = %(key)s ORDER BY created_at, key"
_INCIDENTS = "SELECT * FROM control.incidents WHERE instance_key = %(key)s ORDER BY raised_at, key"
_HISTORY = """
    SELECT at, actor, action, why, element_id FROM runtime.timeline
    WHERE business_id = control.case_of(%(key)s)
    ORDER BY at, id LIMIT %(most)s
"""
# The gateway's trace goes on through the workers; what was begun by hand or by a timer has others.
_TRACES = """
    SELECT split_part(traceparent, '-', 2) AS trace, min(done_at) AS began FROM runtime.effects
    WHERE business_id = control.case_of(%(key)s) AND process_instance_key = %(key)s AND traceparent IS NOT NULL
    GROUP BY trace ORDER BY began LIMIT 5
"""
_OF_CASES = """
    SELECT t.business_id, max(i.key) AS key FROM runtime.timeline t JOIN control.instances i ON i.key = t.process_instance_key
    WHERE t.business_id = ANY (%(cases)s) GROUP BY t.business_id
"""


@dataclass(frozen=True, slots=True)
class Instance:
    """Everything on its page."""

    head: DictRow
    steps: tuple[DictRow, ...]
    tasks: tuple[DictRow, ...]
    incidents: tuple[DictRow, ...]
    history: tuple[DictRow, ...]
    traces: tuple[str, ...]
    """Ids of the traces that its tasks were done in (W3C Trace Context), the first few; none where nothing is traced."""


async def read(connection: AsyncConnection[DictRow], key: int) -> Instance | None:
    """An instance, or None if the read model does not know it (yet)."""
    given = {"key": key, "most": MOST}
    heads = await read_rows(connection, _INSTANCE, given)
    if not heads:
        return None
    return Instance(
        heads[0],
        tuple(await read_rows(connection, _STEPS, given)),
        tuple(await read_rows(connection, _TASKS, given)),
        tuple(await read_rows(connection, _INCIDENTS, given)),
        tuple(await read_rows(connection, _HISTORY, given)),
        tuple(row["trace"] for row in await read_rows(connection, _TRACES, given)),
    )


async def of_cases(connection: AsyncConnection[DictRow], cases: Collection[str]) -> dict[str, int]:
    """The newest instance of each of these cases that the read model knows one of."""
    rows = await read_rows(connection, _OF_CASES, {"cases": list(cases)})
    return {row["business_id"]: row["key"] for row in rows}
