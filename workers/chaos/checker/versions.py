"""What must hold while two versions run side by side: each new instance is placed once, by share, and is where it was placed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from workers.chaos.checker.evidence import Evidence, Row
from workers.chaos.checker.rules import Violation

PROCESS = "lead_routing"
CLASSES = 10_000


def instances_have_their_version(evidence: Evidence) -> Iterator[Violation]:
    """Each lead's instance whose first job was done was drawn once, as the share says, and runs in the version that it was given."""
    splits = [row for row in evidence.tables["splits"] if row["process"] == PROCESS and row["canary_key"] is not None]
    if not splits:
        return
    (split,) = splits
    choices = {row["process_instance_key"]: row for row in evidence.tables["choices"]}
    for one in evidence.engine.instances:
        choice = choices.get(one.key)
        if one.lead_id in evidence.stopped or one.lead_id not in evidence.leads:
            continue
        if not any(evidence.completed.get((one.key, element)) for element in split["entries"]):
            continue  # withdrawn before its first job was done: there was nothing to place any more
        if choice is None:
            yield Violation(one.lead_id, "version-not-chosen", f"instance {one.key} was given no version")
            continue
        if choice["business_id"] != one.lead_id:
            yield Violation(
                one.lead_id, "version-not-chosen", f"instance {one.key} was chosen as {choice['business_id']}"
            )
        if choice["canary"] != _drawn(split, one.lead_id):
            yield Violation(one.lead_id, "share-differs", f"canary: {choice['canary']}, at a share of {split['share']}")
        given = split["canary_key"] if choice["canary"] or choice["refused"] else split["stable_key"]
        if choice["placed_at"] is None:
            yield Violation(one.lead_id, "version-not-placed", f"instance {one.key} was chosen and never placed")
        elif one.definition != given:
            said = f"instance {one.key} should be of {given}, the engine says {one.definition}"
            yield Violation(one.lead_id, "version-differs", f"{said}; refused: {choice['refused']}")


def _drawn(split: Row, lead_id: str) -> bool:
    """Whether a lead belongs to the canary: of 10,000 classes of the SHA-256 of process, canary and lead the first so many."""
    text = f"{PROCESS} {split['canary_key']} {lead_id}"
    drawn = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % CLASSES
    return drawn < round(float(split["share"]) * CLASSES)
