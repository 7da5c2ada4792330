"""What must hold for two versions to run side by side, and what a deployment does to a process of which two do.

`workers.runtime.canary` places instances by what is kept here; `workers.versions.shares` is who changes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.runtime.canary import LOOK_SECONDS, NEXT
from workers.runtime.drawing import Drawing, NoDrawing, entries, read_drawing
from workers.runtime.errors import PermanentError
from workers.runtime.moving import Move, Rules, mapping, rules_of


class NotSideBySide(PermanentError):
    """The two versions can't run side by side."""


@dataclass(frozen=True, slots=True)
class Placing:
    """How new instances are placed."""

    entries: list[str]
    """The elements at which they first wait for a worker."""
    kept: list[str]
    """Elements and waiting events that an instance keeps that goes to the stable version."""


def placing(process: str, newest: Drawing, stable: Drawing, rules: Rules) -> Placing:
    """How instances that the engine starts with the newest version get to the stable one.

    Raises:
        NotSideBySide: they can't; the message says why.
    """
    first, odd = entries(newest)
    known, odd_before = entries(stable)
    why = odd or odd_before
    if not why and (strange := sorted(first - known)):
        why = f"the new version begins with {', '.join(strange)}, with which the other one does not begin"
    if not why:
        why = next(iter(_hindrances(newest, stable, rules, first)), None)
    if why:
        raise NotSideBySide(
            f"The versions of {process} can't run side by side: {why}. A new instance is given its version at the first "
            "task that a worker does; both must have it, with nothing decided before it. Deploy without `fairlead "
            "versions hold` to give all new instances the new version."
        )
    events = [event.id for element in sorted(first) for event in newest.attached(element)]
    events += [event.id for event in newest.by_event(newest.process)]
    mapped = mapping(newest, stable)
    return Placing(sorted(first), [*sorted(first), *(event for event in events if event in mapped)])


def _hindrances(newest: Drawing, stable: Drawing, rules: Rules, first: Iterable[str]) -> list[str]:
    move = Move(newest, stable, mapping(newest, stable), rules)
    found = []
    for element in sorted(first):
        before, after = newest.shapes[element], stable.shapes[element]
        if before.job_type != after.job_type:
            found.append(f"{element} is work for {before.job_type} in one, for {after.job_type} in the other")
        found += move.hindrances([(element, before.type)])
    return found


async def before_deployment(
    connection: AsyncConnection[DictRow], files: Mapping[str, bytes], changed: bool, engine_version: str
) -> None:
    """Make ready for new versions of processes of which some instances are to stay with the present one.

    `changed` says whether any file differs from what was deployed last: then every process gets a new version, because
    what is deployed together belongs together.

    Raises:
        NotSideBySide: the new version can't run beside the present one, or a canary runs already.
    """
    splits = await _splits(connection)
    if not splits or not changed:
        return
    drawings = _drawings(files)
    for row in splits:
        process = str(row["process"])
        if process not in drawings:
            continue
        if row["share"] > 0:
            raise NotSideBySide(
                f"{process} has a canary: version {row['canary_version']} beside {row['stable_version']}. One at a time: "
                f"`fairlead versions promote {process}` or `fairlead versions rollback {process}` first, then deploy."
            )
        found = placing(process, drawings[process], read_drawing(row["drawing"]), rules_of(engine_version))
        await connection.execute(
            "UPDATE runtime.version_splits SET kept = kept || %s, entries = %s WHERE process = %s",
            (Jsonb({NEXT: found.kept}), sorted({*row["entries"], *found.entries}), process),
        )
    # Instances of the new version start before the deployment is answered: every worker has to know by then.
    await connection.commit()
    await asyncio.sleep(LOOK_SECONDS)


async def after_deployment(connection: AsyncConnection[DictRow], deployed: Iterable[tuple[str, int, int]]) -> None:
    """Note the new versions: for each process its id, version and key.

    An engine that does not have the stable version is another one than that of the split, which is forgotten.
    """
    for process, version, key in deployed:
        await connection.execute(
            "DELETE FROM runtime.version_splits WHERE process = %(process)s AND (stable_version > %(version)s"
            " OR stable_version = %(version)s AND stable_key <> %(key)s)",
            {"process": process, "version": version, "key": key},
        )
        await connection.execute(
            """
            UPDATE runtime.version_splits SET canary_key = %(key)s, canary_version = %(version)s,
                   since = clock_timestamp(),
                   kept = kept || jsonb_build_object(%(key)s::text, kept->%(next)s)
            WHERE process = %(process)s AND stable_version < %(version)s AND canary_key IS DISTINCT FROM %(key)s
            """,
            {"process": process, "version": version, "key": key, "next": NEXT},
        )


async def _splits(connection: AsyncConnection[DictRow]) -> list[dict[str, Any]]:
    cursor = await connection.execute("SELECT * FROM runtime.version_splits ORDER BY process FOR UPDATE")
    return await cursor.fetchall()


def _drawings(files: Mapping[str, bytes]) -> dict[str, Drawing]:
    found = {}
    for name, content in files.items():
        if name.endswith(".bpmn"):
            try:
                drawing = read_drawing(content)
            except NoDrawing:  # the engine refuses it, and says why
                continue
            found[drawing.process] = drawing
    return found
