"""What process mining asks of an instance is made once, when it has ended: its path, what was repeated, what deviates.

Whatever is read of it later has it made again (`projection` marks it as not settled), also by a release that makes more of it.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.control_room.conformance import Step, is_inner, unexplained
from workers.control_room.diagrams import Diagram, read_diagram
from workers.control_room.reading import read_rows
from workers.control_room.sweeping import IN_TURN, Sweeper

BATCH = 200

ACTIVITIES = frozenset({
    "BUSINESS_RULE_TASK", "CALL_ACTIVITY", "MANUAL_TASK", "RECEIVE_TASK", "SCRIPT_TASK", "SEND_TASK", "SERVICE_TASK", "TASK",
    "USER_TASK",
})  # fmt: skip
"""Kinds of elements that are activities: what a path is made of. Gateways, events and what holds others are not."""
MULTIPLE = "MULTI_INSTANCE_BODY"
"""One activity of a path, whatever it holds; else every number of items would be a path of its own."""

MODIFIED, MIGRATED, CANCELLED, UNKNOWN, UNEXPLAINED = "modified", "migrated", "cancelled", "unknown", "unexplained"
"""Kinds of deviations: an operator changed the instance, moved it to another version, or ended it; an element ran that the
deployed version does not have, or to which nothing led."""

_ENDED = """
    SELECT i.key, i.process_key, i.parent_key, i.started_at, i.completed,
           took.milliseconds, control.class_of(took.milliseconds) AS class, late.late
    FROM (SELECT * FROM control.instances WHERE NOT settled AND ended_at IS NOT NULL
          ORDER BY key LIMIT %(batch)s FOR UPDATE SKIP LOCKED) AS i
    CROSS JOIN LATERAL (SELECT greatest(control.milliseconds(i.started_at, i.ended_at), 0) AS milliseconds) AS took
    CROSS JOIN LATERAL (SELECT bool_or(control.is_late(due_at, ended_at)) AS late
                        FROM control.user_tasks t WHERE t.instance_key = i.key) AS late
"""
_STEPS = """
    SELECT instance_key, key, element, kind, scope_key, process_key, completed IS TRUE AS completed,
           coalesce(control.milliseconds(started_at, ended_at), 0) AS milliseconds
    FROM control.elements WHERE instance_key = ANY(%(keys)s) ORDER BY key
"""
_MODIFIED = "SELECT instance_key, elements FROM control.modifications WHERE instance_key = ANY(%(keys)s)"
_PLACED = """
    SELECT process_instance_key FROM runtime.version_choices
    WHERE process_instance_key = ANY(%(keys)s) AND placed_at IS NOT NULL AND refused IS NULL
"""
_DIAGRAMS = "SELECT key, diagram FROM control.processes WHERE key = ANY(%(keys)s)"
_FORGET = (
    "DELETE FROM control.paths WHERE key = ANY(%(keys)s)",
    "DELETE FROM control.reworks WHERE instance_key = ANY(%(keys)s)",
    "DELETE FROM control.deviations WHERE instance_key = ANY(%(keys)s)",
)
_WRITE = {
    "variants": "key bigint, activities text[]",
    "paths": (
        "key bigint, process_key bigint, started_at timestamptz, variant bigint, milliseconds bigint, class smallint,"
        " completed boolean, late boolean, repeats boolean, deviates boolean"
    ),
    "reworks": (
        "instance_key bigint, process_key bigint, started_at timestamptz, element text, again int, milliseconds bigint"
    ),
    "deviations": (
        "instance_key bigint, process_key bigint, started_at timestamptz, kind text, element text, times int"
    ),
}
_SETTLED = "UPDATE control.instances SET settled = true WHERE key = ANY(%(keys)s)"


@dataclass(frozen=True, slots=True)
class Path:
    """What was made of an instance."""

    activities: tuple[str, ...]
    """Element ids in the order in which they began; gateways, events and what is in a multi-instance body are left out."""
    again: Mapping[str, tuple[int, int]]
    """Element → how often it ran after its first time in the same scope, and the milliseconds these took."""
    deviations: Mapping[tuple[str, str], int]
    """Kind and element → how often."""

    @property
    def variant(self) -> int:
        """A number of 63 bits that is the same for all instances with the same path."""
        digest = hashlib.sha256("\n".join(self.activities).encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1


def path_of(
    steps: Sequence[Step],
    diagrams: Mapping[int, Diagram],
    process_key: int,
    modified: Iterable[str] | None = None,
    *,
    placed: bool = False,
) -> Path:
    """What one instance did; `steps` are all that it had, by key.

    `modified` are the elements that an operator began; None: nobody modified it. `placed`: a canary moved it to its version
    before its first task, which is no deviation. Without the diagram of its version it is not known what deviates; what
    an operator changed explains itself.
    """
    by_key = {step.key: step for step in steps}
    # A container's steps come after it; those in a multi-instance body are no part of the path.
    inside: set[int] = set()
    for step in steps:
        if step.scope_key in inside or (step.scope_key in by_key and by_key[step.scope_key].kind == MULTIPLE):
            inside.add(step.key)
    activities = tuple(
        step.element for step in steps if step.key not in inside and (step.kind in ACTIVITIES or step.kind == MULTIPLE)
    )
    found: Counter[tuple[str, str]] = Counter(
        (UNKNOWN, step.element)
        for step in steps
        if (version := diagrams.get(step.process_key)) is not None and step.element not in version.nodes
    )
    if modified is not None:
        found.update((MODIFIED, element) for element in (tuple(modified) or ("",)))
    if any(step.process_key != process_key and (not placed or step.kind in ACTIVITIES) for step in steps):
        found[MIGRATED, ""] = 1
    elif modified is None and process_key in diagrams:
        for element, times in unexplained(diagrams[process_key], steps).items():
            found[UNEXPLAINED, element] = times
    return Path(activities, _again(steps, by_key), found)


def _again(steps: Sequence[Step], by_key: dict[int, Step]) -> dict[str, tuple[int, int]]:
    first: set[tuple[int, str]] = set()
    found: dict[str, tuple[int, int]] = {}
    for step in steps:
        if step.kind not in ACTIVITIES | {MULTIPLE, "SUB_PROCESS"} or is_inner(step, by_key):
            continue
        if (step.scope_key, step.element) in first:
            times, took = found.get(step.element, (0, 0))
            found[step.element] = (times + 1, took + step.milliseconds)
        first.add((step.scope_key, step.element))
    return found


async def unsettle(
    connection: AsyncConnection[DictRow], column: Literal["key", "process_key"], keys: Iterable[int]
) -> None:
    """More was read of these instances, or of their versions: what was made of them is made again."""
    if wanted := sorted(keys):
        query = f"UPDATE control.instances SET settled = false WHERE settled AND {column} = ANY(%s)"  # noqa: S608 - of our own names only
        await connection.execute(query.encode(), (wanted,))


class Settling(Sweeper):
    """Settles instances that have ended."""

    async def sweep(self) -> int:
        """Settle one batch; how many. Raises as `Sweeper.sweep`."""
        async with self._pool.connection() as connection:
            await connection.execute(IN_TURN)
            heads = await read_rows(connection, _ENDED, {"batch": BATCH})
            if heads:
                await _settle(connection, heads)
        return len(heads)


async def _settle(connection: AsyncConnection[DictRow], heads: Sequence[DictRow]) -> None:
    keys = {"keys": [head["key"] for head in heads]}
    steps: dict[int, list[Step]] = defaultdict(list)
    for row in await read_rows(connection, _STEPS, keys):
        steps[row.pop("instance_key")].append(Step(**row))
    modified: dict[int, list[str]] = defaultdict(list)
    for row in await read_rows(connection, _MODIFIED, keys):
        modified[row["instance_key"]] += row["elements"]
    placed = {row["process_instance_key"] for row in await read_rows(connection, _PLACED, keys)}
    versions = {head["process_key"] for head in heads} | {one.process_key for each in steps.values() for one in each}
    found = await read_rows(connection, _DIAGRAMS, {"keys": list(versions)})
    diagrams = {row["key"]: read_diagram(row["diagram"]) for row in found}

    made: dict[str, list[dict[str, Any]]] = {name: [] for name in _WRITE}
    variants: dict[int, tuple[str, ...]] = {}
    for head in heads:
        if head["started_at"] is None:  # its beginning was never read
            continue
        key, version = head["key"], head["process_key"]
        path = path_of(steps[key], diagrams, version, modified.get(key), placed=key in placed)
        deviations = dict(path.deviations)
        if head["completed"] is False and head["parent_key"] is None:  # another one goes with the one that called it
            deviations[CANCELLED, ""] = 1
        variants[path.variant] = path.activities
        place = {"process_key": head["process_key"], "started_at": head["started_at"].isoformat()}
        made["paths"].append(
            place
            | {
                "key": head["key"], "variant": path.variant, "milliseconds": head["milliseconds"],
                "class": head["class"], "completed": head["completed"] is not False, "late": head["late"], "repeats": bool(path.again), "deviates": bool(deviations),
            }
        )  # fmt: skip
        of_instance = place | {"instance_key": head["key"]}
        made["reworks"] += [
            of_instance | {"element": element, "again": times, "milliseconds": took}
            for element, (times, took) in path.again.items()
        ]
        made["deviations"] += [
            of_instance | {"kind": kind, "element": element, "times": times}
            for (kind, element), times in deviations.items()
        ]
    made["variants"] = [{"key": key, "activities": activities} for key, activities in sorted(variants.items())]
    for statement in _FORGET:
        await connection.execute(statement.encode(), keys)
    for name, rows in made.items():
        if rows:
            await connection.execute(_insert(name), (Jsonb(rows),))
    await connection.execute(_SETTLED, keys)


def _insert(name: str) -> bytes:
    columns = ", ".join(one.split()[0] for one in _WRITE[name].split(", "))
    return (
        f"INSERT INTO control.{name} ({columns}) SELECT {columns} FROM jsonb_to_recordset(%s) AS made ({_WRITE[name]})"  # noqa: S608 - of our own names only
        f"{' ON CONFLICT DO NOTHING' if name == 'variants' else ''}"
    ).encode()
