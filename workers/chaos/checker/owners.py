"""What must hold of owners: each lead has the one it should have, nobody holds too much, and credits add up."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime

from workers.chaos.checker.evidence import Evidence, Row
from workers.chaos.checker.rules import Violation

SAME = 1e-6


def leads_have_their_owner(evidence: Evidence) -> Iterator[Violation]:
    """Assigned and accepted leads are held by the owner that the book names, all others by nobody."""
    holders: dict[str, list[str]] = defaultdict(list)
    for row in evidence.tables["assignments"]:
        if row["released_at"] is None:
            holders[row["lead_id"]].append(row["rep_id"])
    for lead_id, lead in evidence.leads.items():
        wanted = [lead["owner_id"]] if lead["state"] in {"assigned", "accepted"} else []
        if holders[lead_id] != wanted and (lead_id not in evidence.stopped or len(holders[lead_id]) > 1):
            yield Violation(
                lead_id, "owner-differs", f"{lead['state']} by {lead['owner_id']}, held by {holders[lead_id]}"
            )


def rounds_are_told_once(evidence: Evidence) -> Iterator[Violation]:
    """The timeline tells each assignment, refusal and breach once, and they are as many as the book counts."""
    told: Counter[tuple[str, str, str]] = Counter()
    for row in evidence.tables["timeline"]:
        if row["action"] in {"assigned", "released", "accepted", "rejected", "sla_breached"}:
            told[row["business_id"], row["action"], str(row["facts"].get("round"))] += 1
    for (lead_id, action, loop), times in told.items():
        if times > 1:
            yield Violation(lead_id, "told-twice", f"{action} {times} times in round {loop}")
    for lead_id, loop in evidence.assignments:
        if not told[lead_id, "assigned", loop]:
            yield Violation(lead_id, "told-never", f"assigned in round {loop}, but the timeline doesn't say so")
    for lead_id, lead in evidence.leads.items():
        breaches = sum(n for (one, action, _), n in told.items() if (one, action) == (lead_id, "sla_breached"))
        if lead["sla_breaches"] != breaches:
            yield Violation(lead_id, "breach-count", f"the book counts {lead['sla_breaches']}, the timeline {breaches}")


def credits_add_up(evidence: Evidence) -> Iterator[Violation]:
    """A member's credit is the sum of what the assignments that stand moved; everybody began with nothing."""
    said: dict[tuple[str, str], float] = defaultdict(float)
    for row in evidence.tables["assignments"]:
        if row["released_at"] is None:
            for rep_id, change in row["credits"].items():
                said[row["pool"], rep_id] += change
    have = {(row["pool"], row["rep_id"]): row["credit"] for row in evidence.tables["credits"]}
    for pool, rep_id in sorted(have.keys() | said.keys()):
        credit, sum_ = have.get((pool, rep_id), 0.0), said.get((pool, rep_id), 0.0)
        if abs(credit - sum_) > SAME:
            yield Violation(
                "-", "credit-differs", f"{rep_id} has {credit:.6f} in {pool}, the assignments say {sum_:.6f}"
            )


def nobody_holds_too_much(evidence: Evidence) -> Iterator[Violation]:
    """No assignment went over the owner's open or daily capacity, but where a manager chose so.

    Times are those of the timeline, written while the owner's row was locked: they have the order of the bookings.
    """
    reps = {row["id"]: row for row in evidence.tables["reps"]}
    moves: dict[str, list[tuple[datetime, int, Row]]] = defaultdict(list)
    for row in evidence.tables["timeline"]:
        if row["action"] in {"assigned", "released"}:
            moves[row["facts"]["owner"]].append((row["at"], 1 if row["action"] == "assigned" else -1, row))
    for row in evidence.tables["assignments"]:
        if row["closed_at"] is not None and row["released_at"] is None:
            moves[row["rep_id"]].append((row["closed_at"], -1, row))
    for rep_id, steps in moves.items():
        held = 0
        for _, step, row in sorted(steps, key=lambda one: (one[0], one[1])):
            held += step
            limit = reps[rep_id]["open_capacity"]
            if step > 0 and held > limit and not _allowed(row, "open_capacity"):
                said = f"{rep_id} held {held} open leads with it, {limit} are agreed"
                yield Violation(row["business_id"], "capacity-exceeded", said)
    days: dict[tuple[str, object], list[Row]] = defaultdict(list)
    for row in evidence.tables["assignments"]:
        if row["released_at"] is None:
            days[row["rep_id"], row["local_day"]].append(row)
    chosen = {
        (row["business_id"], str(row["facts"].get("round")))
        for row in evidence.tables["timeline"]
        if row["action"] == "assigned" and _allowed(row, "daily_capacity")
    }
    for (rep_id, day), rows in days.items():
        over = len(rows) - reps[rep_id]["daily_capacity"]
        if over > sum((row["lead_id"], str(row["round"])) in chosen for row in rows):
            yield Violation(
                "-", "capacity-exceeded", f"{rep_id} has {len(rows)} leads of {day}, {over} more than agreed"
            )


def _allowed(row: Row, what: str) -> bool:
    return what in row["facts"].get("overrides", ())
