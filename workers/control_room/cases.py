"""Instances and their activities for an event log, read slice by slice: however long a log is, a slice is in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from psycopg.rows import DictRow

from workers.control_room.kpis import Scope
from workers.control_room.reading import read_rows
from workers.control_room.settling import ACTIVITIES
from workers.runtime.database import Pool

SLICE = 200
"""Instances."""

_CASES = """
    SELECT i.key, i.process, i.version, i.process_key, i.parent_key, i.started_at, i.ended_at, i.completed,
           control.case_of(i.key) AS case_id, l.lead_id, coalesce(l.lead->>'name', l.raw->>'name') AS name,
           coalesce(l.lead->>'company', l.raw->>'company') AS company, l.source, l.state AS lead_state, l.account_id,
           a.name AS account, l.owner_id, r.name AS owner
    FROM control.instances i
    LEFT JOIN routing.leads l ON l.process_instance_key = i.key
    LEFT JOIN crm.accounts a ON a.id = l.account_id
    LEFT JOIN routing.reps r ON r.id = l.owner_id
    WHERE i.key > %(last)s AND i.process = ANY(%(processes)s) AND i.started_at >= %(since)s AND i.started_at < %(until)s
    ORDER BY i.key LIMIT %(slice)s
"""
_ACTIVITIES = """
    SELECT e.instance_key, e.key, e.element, e.kind, e.started_at, e.ended_at, e.completed, t.due_at,
           nullif(t.assignee, '') AS assignee, t.groups, r.id AS rep_id, r.name AS rep, p.names->>e.element AS label
    FROM control.elements e
    LEFT JOIN control.user_tasks t ON t.instance_key = e.instance_key AND t.element_key = e.key
    LEFT JOIN LATERAL (SELECT id, name FROM routing.reps WHERE login = t.assignee AND t.assignee <> '' ORDER BY id LIMIT 1)
        AS r ON true
    LEFT JOIN control.processes p ON p.key = e.process_key
    WHERE e.instance_key = ANY(%(keys)s) AND e.kind = ANY(%(kinds)s) AND e.started_at IS NOT NULL ORDER BY e.key
"""


class UnknownProcess(LookupError):
    """The read model has no version of a process; the message names it and those that there are."""


@dataclass(frozen=True, slots=True)
class Case:
    """One instance."""

    head: DictRow
    """The instance with its business case: the lead, its account and its owner, where it is about one."""
    activities: Sequence[DictRow]
    """In the order in which they began, with who did them."""

    @property
    def state(self) -> str:
        """How the instance stands."""
        return {None: "running", True: "completed", False: "ended by force"}[self.head["completed"]]


async def check(pool: Pool, processes: Sequence[str]) -> None:
    """Raise `UnknownProcess` for the first of them that the read model does not know."""
    async with pool.connection() as connection:
        rows = await read_rows(connection, "SELECT DISTINCT process FROM control.processes ORDER BY process", {})
    there = [row["process"] for row in rows]
    for process in processes:
        if process not in there:
            raise UnknownProcess(
                f"The read model knows no process {process!r}. It knows: {', '.join(there) or 'none yet'}."
            )


async def slices(pool: Pool, processes: Sequence[str], scope: Scope) -> AsyncIterator[list[Case]]:
    """The instances of processes that began in a time, by key.

    No transaction is held between slices, so that a slow reader holds up nobody; what ends meanwhile is read as ended.
    """
    given = {**scope.given, "processes": list(processes), "kinds": sorted(ACTIVITIES), "slice": SLICE, "last": -1}
    while True:
        async with pool.connection() as connection:
            heads = await read_rows(connection, _CASES, given)
            given["keys"] = [head["key"] for head in heads]
            found = await read_rows(connection, _ACTIVITIES, given) if heads else []
        if not heads:
            return
        activities: dict[int, list[DictRow]] = defaultdict(list)
        for row in found:
            activities[row["instance_key"]].append(row)
        yield [Case(head, activities[head["key"]]) for head in heads]
        given["last"] = heads[-1]["key"]
