"""The open user tasks of a case, as the read model knows them: who may do each, and since when it waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow, class_row

from workers.office.teams import Teams

_INSTANCE = """
    SELECT process_instance_key AS key FROM runtime.timeline
    WHERE business_id = %s AND process_instance_key <> 0 ORDER BY id LIMIT 1
"""
_TASKS = """
    SELECT t.key, t.element, coalesce(p.names->>t.element, '') AS called, t.assignee,
        coalesce(t.users, '{}') AS users, t.groups, t.created_at, t.due_at
    FROM control.user_tasks t LEFT JOIN control.processes p ON p.key = t.process_key
    WHERE t.instance_key = %s AND t.ended_at IS NULL AND t.created_at IS NOT NULL ORDER BY t.created_at, t.key
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open user task."""

    key: int
    """Tasklist's address ends with it."""
    element: str
    called: str
    """As its diagram calls it; empty: the read model does not know the diagram."""
    assignee: str
    users: list[str]
    groups: list[str]
    created_at: datetime
    due_at: datetime | None

    @property
    def mark(self) -> str | None:
        """What a diagram put among the candidate users to know the task by: a path, which no log-in is."""
        return next((one for one in self.users if "/" in one), None)

    @property
    def who(self) -> str:
        """Who has claimed it, or else who may."""
        people = [one for one in self.users if "/" not in one]
        return self.assignee or ", ".join(people or self.groups) or "nobody"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a case is."""

    instance: int | None
    """Its process instance; None: it has not begun."""
    tasks: list[Waiting]
    """The oldest first."""


async def standing(connection: AsyncConnection[DictRow], case_id: str, teams: Teams = None) -> Standing:
    """Where a case is, by its business id. For who sees some teams, without its instance, and with those tasks only that a
    mark ties to a part of the case: the others may be about anybody's.
    """
    row = await (await connection.execute(_INSTANCE, (case_id,))).fetchone()
    if row is None:
        return Standing(None, [])
    async with connection.cursor(row_factory=class_row(Waiting)) as cursor:
        await cursor.execute(_TASKS, (row["key"],))
        tasks = await cursor.fetchall()
    if teams is not None:
        return Standing(None, [one for one in tasks if one.mark])
    return Standing(int(row["key"]), tasks)
