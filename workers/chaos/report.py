"""What a run gave, for people and for programs."""

from __future__ import annotations

from collections import Counter
from typing import Any

from workers.chaos.run import Outcome

MOST = 100
"""Violations shown; the JSON has them all."""


def lines(outcome: Outcome) -> list[str]:
    """For people."""
    schedule, verdict = outcome.plan.schedule, outcome.verdict
    kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(fault.kind for fault in outcome.done).most_common())
    took_place = f"{len(outcome.done)} of {len(schedule.faults)} faults took place ({kinds})"
    found = [f"Seed {schedule.seed}: {took_place}; {len(outcome.missed)} found nothing to hurt."]
    if verdict is None:
        return [*found, "It never came to a verdict: database or engine did not answer."]
    found += [f"{name:>22}: {n}" for name, n in verdict.counts.items()]
    found += [f"{'leads':>22}: " + ", ".join(f"{n} {state}" for state, n in verdict.states.items())]
    if outcome.quiet_seconds is not None:
        found.append(f"{'added up after':>22}: {outcome.quiet_seconds:.0f} s")
    if verdict.stopped:
        found.append(f"Waiting for an operator ({len(verdict.stopped)}):")
        found += [f"  {lead_id}: {why}" for lead_id, why in sorted(verdict.stopped.items())[:MOST]]
    if verdict.violations:
        found.append(f"VIOLATIONS ({len(verdict.violations)}):")
        found += [f"  {violation.line()}" for violation in verdict.violations[:MOST]]
    else:
        found.append("No violation: nothing lost, nothing twice, everything undone that had to be, and nothing else.")
    return found


def as_json(outcome: Outcome) -> dict[str, Any]:
    """For programs."""
    schedule, verdict = outcome.plan.schedule, outcome.verdict
    return {
        "seed": schedule.seed,
        "minutes": schedule.minutes,
        "rate_per_minute": outcome.plan.rate_per_minute,
        "canary": outcome.plan.canary,
        "faults": {
            "planned": len(schedule.faults),
            "done": len(outcome.done),
            "missed": len(outcome.missed),
            "by_kind": Counter(fault.kind for fault in outcome.done),
            "by_target": Counter(f"{fault.kind} {fault.target}" for fault in outcome.done),
        },
        "seconds": round(outcome.seconds, 1),
        "quiet_seconds": outcome.quiet_seconds,
        "clean": outcome.clean,
        "counts": verdict.counts if verdict else {},
        "states": verdict.states if verdict else {},
        "stopped": verdict.stopped if verdict else {},
        "violations": [
            {"lead": one.lead_id, "rule": one.rule, "evidence": one.evidence}
            for one in (verdict.violations if verdict else [])
        ],
        "schedule": schedule.lines(),
    }
