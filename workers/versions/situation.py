"""Where the running instances of a process version are, as the read model knows it from the engine's own records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.rows import DictRow

_SITUATIONS = """
    SELECT i.key, i.process_key, i.ended_at IS NOT NULL AS ended, coalesce(control.case_of(i.key), '') AS case_id,
           EXISTS (SELECT FROM control.incidents f WHERE f.instance_key = i.key AND f.resolved_at IS NULL) AS incident,
           (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_array(e.element, e.kind)), '[]') FROM control.elements e
            WHERE e.instance_key = i.key AND e.ended_at IS NULL) AS active,
           (SELECT coalesce(array_agg(DISTINCT e.element), '{}') FROM control.elements e
            WHERE e.instance_key = i.key AND e.completed) AS done
    FROM control.instances i
"""


@dataclass(frozen=True, slots=True)
class Situation:
    """One instance."""

    key: int
    process_key: int
    """Of the version that it has now."""
    ended: bool
    case: str
    """Business id; empty: the runtime does not know it yet."""
    incident: bool
    active: frozenset[tuple[str, str]]
    """Id and Zeebe's type of its active elements, those that hold others included."""
    done: frozenset[str]
    """Ids of the elements that it has completed."""

    @property
    def waits_at(self) -> list[str]:
        """Ids of its active elements."""
        return sorted({element for element, _ in self.active})


async def running(connection: AsyncConnection[DictRow], process_key: int) -> list[Situation]:
    """All running instances of a version, the oldest first."""
    query = f"{_SITUATIONS} WHERE i.process_key = %s AND i.ended_at IS NULL ORDER BY i.started_at, i.key"
    return [_of(row) for row in await (await connection.execute(query.encode(), (process_key,))).fetchall()]


async def look(connection: AsyncConnection[DictRow], keys: Iterable[int]) -> dict[int, Situation]:
    """These instances, those that the read model knows."""
    query = f"{_SITUATIONS} WHERE i.key = ANY(%s)"
    rows = await (await connection.execute(query.encode(), (list(keys),))).fetchall()
    return {row["key"]: _of(row) for row in rows}


def _of(row: DictRow) -> Situation:
    active = frozenset((str(element), str(kind)) for element, kind in row["active"])
    return Situation(
        row["key"], row["process_key"], row["ended"], row["case_id"], row["incident"], active, frozenset(row["done"])
    )
