"""Makes a migration plan from the two diagrams and what the read model knows of the running instances."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.runtime.moving import Move, mapping, misfit, rules_of
from workers.versions import situation
from workers.versions.deployed import Version, pick, versions_of
from workers.versions.errors import PlanRefused
from workers.versions.plan import End, Plan, Planned
from workers.versions.situation import Situation


async def make_plan(
    connection: AsyncConnection[DictRow],
    process: str,
    source: int,
    target: int,
    *,
    engine_version: str,
    made_by: str,
    renamed: Mapping[str, str] | None = None,
) -> Plan:
    """A plan for all running instances of a version.

    Raises:
        NoSuchVersion: the read model does not know one of the two.
        PlanRefused: both are the same, or an element can't stand for the one it is to stand for.
    """
    versions = await versions_of(connection, process)
    old, new = pick(versions, source), pick(versions, target)
    if old.key == new.key:
        raise PlanRefused(f"From version {source} to version {target} there is nothing to move.")
    found = mapping(old.drawing, new.drawing, renamed)
    for was, is_ in (renamed or {}).items():
        _stands_for(old, new, found, was, is_)
    move = Move(old.drawing, new.drawing, found, rules_of(engine_version))
    instances = [_planned(move, one) for one in await situation.running(connection, old.key)]
    active = {
        element: move.old.shapes[element].type
        for one in instances
        for element in one.waits_at
        if element in move.old.shapes
    }
    return Plan(
        process=process,
        source=end_of(old),
        target=end_of(new),
        engine=engine_version,
        made_at=datetime.now(UTC),
        made_by=made_by,
        can=sum(one.can for one in instances),
        cannot=sum(not one.can for one in instances),
        gone=sorted(set(move.old.shapes) - set(found)),
        remarks=move.remarks(active.items()),
        instances=instances,
        mapping=found,
    )


def _stands_for(old: Version, new: Version, found: Mapping[str, str], was: str, is_: str) -> None:
    if found.get(was) == is_:
        return
    for version, element in ((old, was), (new, is_)):
        if element not in version.drawing.shapes:
            raise PlanRefused(f"Version {version.version} of {version.process} has no element {element}.")
    raise PlanRefused(f"{is_} can't stand for {was}: {misfit(old.drawing, new.drawing, found, was, is_)}.")


def end_of(version: Version) -> End:
    """A version as a plan names it."""
    return End(
        version=version.version,
        tag=version.tag,
        key=version.key,
        diagram=hashlib.sha256(version.diagram.encode()).hexdigest(),
    )


def _planned(move: Move, one: Situation) -> Planned:
    why_not = move.hindrances(one.active, one.done)
    if not one.active:
        why_not.append("it is between two elements; plan again in a moment")
    return Planned(
        key=one.key, case=one.case, waits_at=one.waits_at, incident=one.incident, can=not why_not, why_not=why_not
    )
