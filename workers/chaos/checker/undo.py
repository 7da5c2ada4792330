"""What must hold of compensation: it undid exactly what was done, where it had to, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

from workers.chaos.checker import story
from workers.chaos.checker.evidence import Evidence, Row
from workers.chaos.checker.rules import Violation

SAME = 1e-9


def undone_where_due(evidence: Evidence) -> Iterator[Violation]:
    """What a refused round or a withdrawn lead did is undone by its handler, once; what stands is not."""
    for (lead_id, element_id, loop), row in evidence.effects.items():
        handler = story.UNDO.get(element_id)
        if handler is None:
            continue
        undo = evidence.effects.get((lead_id, handler, loop))
        what = f"{element_id} of round {loop}"
        if story.must_undo(evidence, lead_id, loop):
            if lead_id in evidence.stopped and (lead_id, "note_refusal", loop) not in evidence.effects:
                continue  # its withdrawal is stopped half-way
            if row["undone_at"] is None:
                yield Violation(lead_id, "undo-missing", f"{what} stands, though the round was given up")
            elif undo is None:
                yield Violation(lead_id, "undo-missing", f"{what} is marked as undone, but {handler} never ran")
            elif not (undo["result"] or {}).get(story.UNDONE[handler]):
                yield Violation(
                    lead_id, "undo-missing", f"{handler} of round {loop} says that there was nothing to undo"
                )
        elif row["undone_at"] is not None and lead_id not in evidence.stopped and _stands(evidence, lead_id, loop):
            yield Violation(
                lead_id, "undo-uncalled", f"{what} was undone by {row['undone_by']}, though the round stands"
            )


def _stands(evidence: Evidence, lead_id: str, loop: str) -> bool:
    """Whether the round is the one whose owner has the lead now."""
    lead, booked = evidence.leads.get(lead_id), evidence.assignments.get((lead_id, loop))
    return lead is not None and lead["state"] in {"assigned", "accepted"} and booked is not None


def slots_are_given_back(evidence: Evidence) -> Iterator[Violation]:
    """An undone assignment is released, one that stands is held, and what was recorded is what was booked."""
    for (lead_id, loop), booked in evidence.assignments.items():
        row = evidence.effects.get((lead_id, "assign_owner", loop))
        if row is None:
            yield Violation(
                lead_id, "owner-invented", f"round {loop} is booked for {booked['rep_id']}, but no effect says so"
            )
            continue
        if (row["undone_at"] is None) != (booked["released_at"] is None):
            said = f"round {loop}: undone at {row['undone_at']}, released at {booked['released_at']}"
            yield Violation(lead_id, "slot-differs", said)
        recorded = row["recorded"] or {}
        if recorded.get("owner_id") != booked["rep_id"] or not _alike(recorded.get("credits"), booked["credits"]):
            said = f"round {loop}: recorded {recorded}, booked {booked['rep_id']} {booked['credits']}"
            yield Violation(lead_id, "record-untrue", said)
    for lead_id, element_id, loop in evidence.effects:
        if element_id == "assign_owner" and (lead_id, loop) not in evidence.assignments:
            yield Violation(lead_id, "owner-lost", f"assign_owner of round {loop} is committed, but nothing is booked")


def _alike(one: object, other: object) -> bool:
    if not isinstance(one, dict) or not isinstance(other, dict) or one.keys() != other.keys():
        return False
    return all(abs(float(one[key]) - float(other[key])) < SAME for key in one)


def crm_was_put_back(evidence: Evidence) -> Iterator[Violation]:
    """After its undo the CRM says of the lead what it said before the write; and the write remembered just that."""
    for (lead_id, element_id, loop), row in evidence.effects.items():
        if element_id != "write_owner":
            continue
        changes = evidence.crm_story.get(lead_id, {})
        write = changes.get(f"{lead_id}/write_owner/{loop}/1")
        if write is None:  # lost, which is another rule's
            continue
        recorded: Row = row["recorded"] or {}
        before = (write["owner_id"][0], write["status"][0])
        if (recorded.get("former_owner"), recorded.get("former_status")) != before:
            said = f"round {loop}: write_owner recorded {recorded} as the state before, the CRM's log says {before}"
            yield Violation(lead_id, "record-untrue", said)
        booked = evidence.assignments.get((lead_id, loop))
        if booked is not None and write["owner_id"][1] != booked["rep_id"]:
            said = f"round {loop}: {write['owner_id'][1]} was written, {booked['rep_id']} is booked"
            yield Violation(lead_id, "crm-owner-wrong", said)
        put_back = changes.get(f"{lead_id}/restore_owner/{loop}/1")
        if row["undone_at"] is not None and put_back is None and lead_id not in evidence.stopped:
            yield Violation(lead_id, "undo-missing", f"write_owner of round {loop} is undone, but the CRM was not told")
        if put_back is not None and (put_back["owner_id"][1], put_back["status"][1]) != before:
            after = (put_back["owner_id"][1], put_back["status"][1])
            yield Violation(
                lead_id, "undo-inexact", f"round {loop}: the CRM said {before} before and {after} after the undo"
            )


def handlers_undid_something(evidence: Evidence) -> Iterator[Violation]:
    """A handler that says it undid something has an effect to point at."""
    undoing = {handler: task for task, handler in story.UNDO.items()}
    for (lead_id, element_id, loop), row in evidence.effects.items():
        task = undoing.get(element_id)
        if task and (row["result"] or {}).get(story.UNDONE[element_id]):
            done = evidence.effects.get((lead_id, task, loop))
            if done is None or done["undone_at"] is None:
                yield Violation(lead_id, "undo-uncalled", f"{element_id} of round {loop} undid a {task} that stands")
