"""What was measured, as plain values, and what is concluded from it against the targets."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from workers.bench.cpu import Usage
from workers.bench.figures import Figures, Spread

OURS, READING, STREAMING, POLLING = (
    "fairlead, once only",
    "fairlead, reading task",
    "plain pyzeebe, streaming",
    "plain pyzeebe, polling",
)
DBOS = "DBOS, one step, no engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure."""

    instances: int = 1_000
    """Of a burst."""
    rounds: int = 3
    warm_ups: int = 15
    """At most."""
    rate: float = 30.0
    """Starts a second, for the latencies."""
    seconds: float = 20.0
    sustain_rate: float = 50.0
    sustain_minutes: float = 1.0
    waiting: int = 5_000
    """Other instances that are open meanwhile."""
    trials: int = 5
    """Of starting a worker, and of killing one."""
    broker_trials: int = 1


QUICK = Plan(
    instances=100, rounds=1, warm_ups=1, seconds=2.0, sustain_minutes=0.1, waiting=100, trials=1, broker_trials=1
)  # enough to see that everything works, too little for figures


@dataclass(frozen=True, slots=True)
class Burst:
    """A closed burst: all instances are started as fast as the engine takes them."""

    instances: int
    seconds: float
    """From the first start until the engine had completed the last instance."""
    usage: Usage
    served_resident_mib: float
    """Memory of the serving process afterwards."""

    @property
    def throughput(self) -> float:
        """Instances a second."""
        return self.instances / self.seconds


@dataclass(frozen=True, slots=True)
class Reference:
    """What DBOS did."""

    throughput: float
    """Workflows a second, closed burst."""
    latency: Spread | None
    """Scheduled → step began, in seconds."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one side did in one round."""

    side: str
    burst: Burst
    latency: Spread | None
    """Scheduled start → handler, in seconds, open loop."""
    sender_late_seconds: float


@dataclass(frozen=True, slots=True)
class Sustained:
    """Starts at a fixed rate for minutes, with other instances open."""

    figures: Figures
    waiting: int
    completed: int
    """Instances that the engine had completed in the end, of those sent."""

    @property
    def held(self) -> bool:
        """Every start was taken and completed, and the backlog did not grow."""
        return self.figures.held and self.completed >= self.figures.sent


@dataclass(frozen=True, slots=True)
class WorkerStart:
    """Starting `fairlead worker run` with one task. Seconds from starting the process."""

    ready_seconds: float
    """Until `/readyz` said that its stream is open."""
    resident_mib: float


@dataclass(frozen=True, slots=True)
class BrokerReturn:
    """Killing the broker. Seconds."""

    away: float
    """From the kill until its gRPC answered."""
    replayed: float
    """From that answer until the broker answered a command. Before that it replays what came after its last snapshot, though
    it says of its partitions that they are healthy."""
    next_completed: float
    """From the answer to a command until the worker's next job was completed."""


@dataclass
class Report:
    """All that was measured, as it comes."""

    plan: Plan
    rounds: list[Round] = field(default_factory=list)
    reference: list[Reference] = field(default_factory=list)
    sustained: Sustained | None = None
    starts: list[WorkerStart] = field(default_factory=list)
    worker_killed: list[float] = field(default_factory=list)
    """For each kill of the only worker: seconds until the one that the supervisor started anew had completed a job."""
    broker_killed: list[BrokerReturn] = field(default_factory=list)

    def throughput(self, side: str) -> float | None:
        """Median of the rounds in instances a second, None if there were none."""
        return _median(one.burst.throughput for one in self.rounds if one.side == side)

    def latency(self, side: str, of: Callable[[Spread], float]) -> float | None:
        """Median of the rounds of a percentile, in seconds."""
        return _median(of(one.latency) for one in self.rounds if one.side == side and one.latency is not None)

    def cpu(self, side: str) -> float | None:
        """Median of the rounds: processor seconds of the serving process for each instance of a burst."""
        return _median(
            one.burst.usage.programs.get(side, 0.0) / one.burst.instances for one in self.rounds if one.side == side
        )

    def resident(self, side: str) -> float | None:
        """The most memory that the side's process had after a burst, in MiB."""
        return max((one.burst.served_resident_mib for one in self.rounds if one.side == side), default=None)

    def reference_throughput(self) -> float | None:
        """Median of DBOS' throughputs."""
        return _median(one.throughput for one in self.reference)

    def reference_latency(self, of: Callable[[Spread], float]) -> float | None:
        """Median of a percentile of DBOS' latencies, in seconds."""
        return _median(of(one.latency) for one in self.reference if one.latency is not None)


@dataclass(frozen=True, slots=True)
class Target:
    """A target of issue 4 beside what was measured."""

    what: str
    bound: str
    measured: str
    met: bool | None
    """None: it was not measured."""


def targets(report: Report) -> list[Target]:
    """Each target beside its measurement. Of what was repeated the median counts; the worst is shown too."""
    ours, streaming = report.throughput(OURS), report.throughput(STREAMING)
    p50, p99 = report.latency(OURS, lambda one: one.p50), report.latency(OURS, lambda one: one.p99)
    ready, resident = [one.ready_seconds for one in report.starts], report.resident(OURS)
    back = [one.next_completed for one in report.broker_killed]
    return [
        _target(
            "throughput, part of plain streaming",
            "≥ 0.8",
            ours / streaming if ours and streaming else None,
            lambda it: it >= 0.8,
        ),
        _target("start → handler p50", "≤ 10 ms", p50, lambda it: it <= 0.010, ms=True),
        _target("start → handler p99", "≤ 50 ms", p99, lambda it: it <= 0.050, ms=True),
        _sustained(report),
        _target("worker start → ready", "≤ 1 s", _median(ready), lambda it: it <= 1.0, unit=" s", all_of=ready),
        _target("worker resident after a burst", "≤ 90 MB", resident, lambda it: it * 2**20 <= 90e6, unit=" MiB"),
        _target(
            "worker killed → next completed job",
            "< 2.1 s",
            _median(report.worker_killed),
            lambda it: it < 2.1,
            unit=" s",
            all_of=report.worker_killed,
        ),
        _target(
            "broker takes commands → next completed job",
            "< 5 s",
            _median(back),
            lambda it: it < 5,
            unit=" s",
            all_of=back,
        ),
    ]


def missed(report: Report) -> bool:
    """Whether a target that was measured was missed."""
    return any(one.met is False for one in targets(report))


def _sustained(report: Report) -> Target:
    what, bound = "sustained, one-task instances", "≥ 50/s held for 10 min, 5,000 others open"
    done = report.sustained
    if done is None:
        return Target(what, bound, "not measured", None)
    shown = (
        f"{done.figures.settled_per_second:.1f}/s of {done.figures.rate:g}/s, "
        f"{'held' if done.held else 'not held'}, {done.figures.seconds / 60:g} min, {done.waiting:,} open"
    )
    enough = done.figures.rate >= 50 and done.figures.seconds >= 600 and done.waiting >= 5_000
    return Target(what, bound, shown, False if not done.held else True if enough else None)


def _target(
    what: str,
    bound: str,
    value: float | None,
    met: Callable[[float], bool],
    *,
    unit: str = "",
    ms: bool = False,
    all_of: Sequence[float] = (),
) -> Target:
    if value is None:
        return Target(what, bound, "not measured", None)
    shown = f"{value * 1000:.1f} ms" if ms else f"{value:.2f}{unit}"
    if len(all_of) > 1:
        shown += f" (median of {len(all_of)}; worst {max(all_of):.2f}{unit})"
    return Target(what, bound, shown, met(value))


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return statistics.median(found) if found else None
