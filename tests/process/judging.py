"""What the control room says of the instances that a process test ran: they did what their diagram allows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from workers.control_room.conformance import Step
from workers.control_room.diagrams import read_diagram
from workers.control_room.projection import INSTANCES, MODIFICATIONS, PROCESSES, Row, rows_of
from workers.control_room.settling import path_of
from workers.engine.records import Record


def deviations(records: Sequence[Record], *, placed: bool) -> dict[str, list[tuple[str, str]]]:
    """By process, kind and element of what deviates in the instances that have ended, read as the read model reads them.

    `placed`: whether a canary moved those that were moved to another version, which is no deviation; records do not
    tell who did.
    """
    read = {
        kind.value_type: rows_of(
            kind,
            (
                one for one in records
                if one["recordType"] == "EVENT" and one["valueType"] == kind.value_type and one["intent"] in kind.intents
            ),
        )
        for kind in (PROCESSES, INSTANCES, MODIFICATIONS)
    }  # fmt: skip
    diagrams = {key: read_diagram(row["diagram"]) for key, row in read["PROCESS"].get("processes", {}).items()}
    steps: dict[int, list[Step]] = defaultdict(list)
    for key, row in sorted(read["PROCESS_INSTANCE"].get("elements", {}).items()):
        steps[row["instance_key"]].append(_step(key, row))
    changed = read["PROCESS_INSTANCE_MODIFICATION"].get("modifications", {}).values()
    modified = {row["instance_key"]: row["elements"] for row in changed}
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for key, row in read["PROCESS_INSTANCE"].get("instances", {}).items():
        if row.get("ended_at"):
            found[row["process"]] += path_of(
                steps[key], diagrams, row["process_key"], modified.get(key), placed=placed
            ).deviations
    return found


def _step(key: int, row: Row) -> Step:
    return Step(
        key, row["element"], row["kind"], row["scope_key"], bool(row.get("completed")), process_key=row["process_key"]
    )
