"""What hurts the stack and when: everything follows from the seed, the length and the number of faults."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["kill", "pause", "hang", "latency", "reset", "partition", "clock", "disk"]

WORKERS: Final = ("worker", "worker_b")
CLIENTS: Final = (*WORKERS, "scorer", "dispatcher", "gateway")
"""Our own processes; each reaches what it needs by links of its own."""
LINKS: Final = {
    "zeebe": CLIENTS,
    "postgres": CLIENTS,
    "crm": (*WORKERS, "dispatcher"),
    "smtp": ("dispatcher",),
}
"""Server → who speaks to it."""

KILLED: Final = {
    ("worker",): 6, ("worker_b",): 6, ("dispatcher",): 5, ("scorer",): 3, ("gateway",): 3, ("mail",): 2, ("crm",): 3,
    ("postgres",): 2, ("camunda",): 1, ("opensearch",): 1,
}  # fmt: skip
"""Target → how often in comparison; the database and the engine less, as they stop all the others."""
SLOW_TO_RETURN: Final = frozenset(
    {("kill", "camunda"), ("kill", "opensearch"), ("kill", "postgres"), ("hang", "postgres")}
)
"""Faults after which the whole stack stands still for a while: spread evenly, and not too many."""
SLOW_PER_MINUTE: Final = 0.8

HANG_SECONDS: Final = 30.0
LONG_PAUSE_SECONDS: Final = 60.0
"""Longer than a job's time-out (30 + 15 s): the job is given to somebody else before the paused worker wakes up."""
FIRST_SECONDS: Final = 5.0
LONGEST_PAUSE: Final = 15.0
START_SECONDS: Final = 45.0
"""Camunda 8.6 whose OpenSearch falls silent while it starts hangs for minutes (seen), and everything with it: OpenSearch
is not paused so soon after Camunda was killed."""
REDRAWN: Final = 50
FAULTS_PER_MINUTE: Final = 16


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing done to the stack."""

    at: float
    """Seconds since the load began."""
    kind: Kind
    target: str
    """A program, ``crm``, or a link ``client→server``."""
    seconds: float
    """How long it lasts; 0: it is done at once."""
    amount: float = 0.0
    """Of latency or of the clock's move, in seconds."""

    def line(self) -> str:
        """For people."""
        amount = f" by {self.amount:g} s" if self.amount else ""
        lasting = f" for {self.seconds:g} s" if self.seconds else ""
        return f"{self.at:7.1f} s  {self.kind:<9} {self.target}{amount}{lasting}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """All faults of a run, in order of time."""

    seed: int
    minutes: float
    faults: tuple[Fault, ...]

    def lines(self) -> list[str]:
        """For people, one line for each fault."""
        return [fault.line() for fault in self.faults]


def make(seed: int, minutes: float, faults: int | None = None) -> Schedule:
    """The schedule of a seed; the same in every process.

    Each kind of fault comes at least once on each sort of target, as far as `faults` (default: `FAULTS_PER_MINUTE`)
    goes; the others are drawn.
    """
    chance = random.Random(f"chaos/{seed}/{minutes:g}/{faults}")  # noqa: S311 - a schedule, no secret
    wanted = round(minutes * FAULTS_PER_MINUTE) if faults is None else faults
    chosen = _each(chance)
    chance.shuffle(chosen)
    chosen = chosen[:wanted]
    slow = sum(one in SLOW_TO_RETURN for one in chosen)
    while len(chosen) < wanted:
        one = _any(chance)
        if one in SLOW_TO_RETURN:
            if slow >= minutes * SLOW_PER_MINUTE:
                continue
            slow += 1
        chosen.append(one)
    found = _placed(chosen, minutes * 60, chance)
    return Schedule(seed, minutes, tuple(sorted(found, key=lambda fault: (fault.at, fault.kind, fault.target))))


def _each(chance: random.Random) -> list[tuple[Kind, str]]:
    """Each kind of fault on each sort of target."""
    programs = [target for (target,) in KILLED]
    links = [f"{chance.choice(clients)}→{server}" for server, clients in LINKS.items() if server != "crm"] + ["crm"]
    network: tuple[Kind, ...] = ("latency", "reset", "partition")
    return [
        *(("kill", target) for target in programs),
        *(("pause", target) for target in programs),
        *((kind, link) for kind in network for link in links),
        ("hang", "postgres"),
        ("clock", "camunda"),
        ("disk", chance.choice(WORKERS)),
    ]


def _any(chance: random.Random) -> tuple[Kind, str]:
    kinds: list[Kind] = ["kill", "pause", "latency", "reset", "partition", "hang", "clock", "disk"]
    (kind,) = chance.choices(kinds, (30, 20, 12, 16, 12, 1, 5, 4))
    if kind in {"kill", "pause"}:
        ((target,),) = chance.choices(list(KILLED), list(KILLED.values()))
    elif kind in {"latency", "reset", "partition"}:
        server = chance.choice(list(LINKS))
        target = f"{chance.choice(LINKS[server])}→{server}"
    elif kind == "disk":
        target = chance.choice((*WORKERS, "scorer"))
    else:
        target = "postgres" if kind == "hang" else "camunda"
    return kind, target


def _placed(chosen: list[tuple[Kind, str]], length: float, chance: random.Random) -> list[Fault]:
    """Give each fault its time and its size; those that stop everything lie evenly apart."""
    slow = [one for one in chosen if one in SLOW_TO_RETURN]
    gap = (length - FIRST_SECONDS) / max(1, len(slow))
    found = []
    for number, one in enumerate(slow):
        found.append(_sized(*one, FIRST_SECONDS + gap * (number + chance.uniform(0.0, 0.4)), chance))
    returning = [fault.at for fault in found if fault.target == "camunda"]
    for kind, target in chosen:
        if (kind, target) in SLOW_TO_RETURN:
            continue
        at = chance.uniform(FIRST_SECONDS, length)
        for _ in range(REDRAWN):
            if target != "opensearch" or not any(-LONGEST_PAUSE <= at - back <= START_SECONDS for back in returning):
                break
            at = chance.uniform(FIRST_SECONDS, length)
        found.append(_sized(kind, target, at, chance))
    return found


def _sized(kind: Kind, target: str, at: float, chance: random.Random) -> Fault:
    seconds = amount = 0.0
    match kind:
        case "pause" if target in WORKERS and chance.random() < 0.25:
            seconds = LONG_PAUSE_SECONDS
        case "pause" | "disk":
            seconds = chance.uniform(3, LONGEST_PAUSE)
        case "partition":
            seconds = chance.uniform(3, 20)
        case "kill" if target == "crm":
            seconds = chance.uniform(3, 15)
        case "hang":
            seconds = HANG_SECONDS
        case "latency":
            seconds, amount = chance.uniform(5, 20), chance.choice((0.05, 0.2, 0.5, 1.0, 2.5))
        case "clock":
            amount = float(chance.choice((30, 60, 120, 300, 600)))
        case _:
            pass
    return Fault(round(at, 1), kind, target, round(seconds, 1), amount)
