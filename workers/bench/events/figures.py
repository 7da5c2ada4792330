"""The arithmetic: from what became of each event to percentiles, and whether the target is met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from workers.bench.cpu import Usage
from workers.bench.figures import Spread, spread

TARGET_P99_SECONDS = 0.1
"""Event → process start, at the target rate."""
TARGET_RATE = 50.0

BY_KAFKA, BY_HTTP = "Fairlead, by Kafka", "Fairlead, by HTTP"
LOOP, POLLING = "plain loop, by Kafka", "plain, polling a table"
OURS = (BY_KAFKA, BY_HTTP)
FIXED = "fixed rate"
"""The purpose of a run that counts."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure."""

    rate: float = TARGET_RATE
    """Events a second."""
    seconds: float = 20.0
    """Of a run."""
    rounds: int = 2
    warm_ups: int = 3
    """At most so many."""
    alternatives: bool = True
    poll_seconds: float = 30.0
    """Between looks of the one that polls; as the study has it."""
    seed: int = 1
    """Of the leads."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One event on its way. Times are seconds since 1970; None: it did not come so far."""

    begun: float
    """By Kafka, the broker's timestamp. By HTTP, when it was due to be sent, which is before its arrival. In a table, when its
    row was written."""
    stored: float | None
    """When our database took it (`received_at` of the lead); None too where there is none between."""
    started: float | None
    """Timestamp of the engine's record that its process instance is activated."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one side."""

    side: str
    purpose: str
    """``warm-up`` or `FIXED`."""
    rate: float
    sent: int
    started: int
    latency: Spread | None
    """Event → process start; what has not started counts with the time it has waited, a lower bound."""
    to_database: Spread | None
    to_engine: Spread | None
    """The two legs of it, where there are two."""
    answers: Mapping[str, int]
    """What the sender was answered → how often."""
    sender_late_seconds: float
    usage: Usage

    @property
    def meets_target(self) -> bool:
        """Whether every process started, and the 99th percentile is below the target."""
        return self.started == self.sent and self.latency is not None and self.latency.p99 < TARGET_P99_SECONDS

    @property
    def cpu_per_event(self) -> float:
        """Processor seconds of all programs for an event; the sender's are left out."""
        used = sum(seconds for name, seconds in self.usage.programs.items() if name != "bench")
        return used / max(self.started, 1)


@dataclass
class Report:
    """All runs."""

    plan: Plan
    runs: list[Run] = field(default_factory=list)

    def met(self) -> bool | None:
        """Whether every run of ours at the target rate or above met the target; None: there was none."""
        runs = [one for one in self.runs if one.purpose == FIXED and one.side in OURS and one.rate >= TARGET_RATE]
        return all(one.meets_target for one in runs) if runs else None


def run_of(
    side: str,
    purpose: str,
    rate: float,
    passages: Sequence[Passage],
    *,
    until: float,
    answers: Mapping[str, int],
    sender_late_seconds: float,
    usage: Usage,
) -> Run:
    """The figures of a run, as known at `until` (seconds since 1970)."""
    return Run(
        side=side,
        purpose=purpose,
        rate=rate,
        sent=len(passages),
        started=sum(one.started is not None for one in passages),
        latency=spread([(until if one.started is None else one.started) - one.begun for one in passages]),
        to_database=spread([one.stored - one.begun for one in passages if one.stored is not None]),
        to_engine=spread(
            [one.started - one.stored for one in passages if one.stored is not None and one.started is not None]
        ),
        answers=dict(answers),
        sender_late_seconds=sender_late_seconds,
        usage=usage,
    )
