"""The instances of `fairlead bench planning`, and what is measured of each side.

Loads no solver: CP-SAT's process reads this, and OR-Tools brings another HiGHS along than scipy.
"""

from __future__ import annotations

import re
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workers.bench.gap_instances import KINDS, gap_instance
from workers.territory_alignment.solving.errors import InputError
from workers.territory_alignment.solving.model import Model, build
from workers.territory_alignment.solving.organisation import Weights
from workers.territory_alignment.solving.sample import sample_organisation

FORM = re.compile(rf"([{KINDS}]?)(\d+)x(\d+):(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Case:
    """An instance and the time that each side has for it."""

    kind: str
    """c, d or e: a generalised assignment problem of that type; empty: a sample organisation."""
    reps: int
    """Or agents."""
    accounts: int
    """Or jobs."""
    seconds: float
    seed: int

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"{f'type {self.kind} ' if self.kind else ''}{self.reps} x {self.accounts:,}, {self.seconds:g} s"

    def model(self) -> Model:
        """The same for each side."""
        if self.kind:
            return gap_instance(self.kind, self.reps, self.accounts, self.seed)
        return build(sample_organisation(self.reps, self.accounts, self.seed), Weights())


def case_of(text: str, seed: int) -> Case:
    """A case as the command line writes it: 50x1000:30, or d20x200:60.

    Raises:
        InputError: if it is not of that form.
    """
    if (found := FORM.fullmatch(text)) is None:
        raise InputError(
            f"{text!r} is no instance; write REPSxACCOUNTS:SECONDS, such as 50x1000:30, with c, d or e before it for a "
            "generalised assignment problem of that type"
        )
    kind, reps, accounts, seconds = found.groups()
    return Case(kind, int(reps), int(accounts), float(seconds), seed)


@dataclass(frozen=True)
class Answer:
    """What a solver found."""

    value: float | None
    """Score or cost; None: no plan in the time."""
    bound: float
    """What it proved by itself."""
    first: float | None = None
    """Seconds until its first plan, where that is known."""
    lp: float | None = None
    """The LP bound; ours alone says it."""


Work = Callable[[Model, float, int], Answer]
"""Solves a model in so many seconds, from a seed."""


@dataclass(frozen=True)
class Side:
    """What one side reached on one instance."""

    name: str
    answer: Answer
    seconds: float
    """Until it stopped, without making the model."""
    cpu_seconds: float
    """Of processor time, all threads and processes of its own: on a crowded machine, compare this."""
    peak_mib: float
    """Resident, the interpreter and its libraries included; of several processes the largest."""


def measured(name: str, work: Work, case: Case) -> Side:
    """Let a side solve an instance in this process, and measure it."""
    model = case.model()
    wall, cpu = time.monotonic(), cpu_seconds()
    answer = work(model, case.seconds, case.seed)
    return Side(name, answer, time.monotonic() - wall, cpu_seconds() - cpu, peak_mib())


def cpu_seconds() -> float:
    """Processor time until now of this process and of those that it started and that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak_mib() -> float:
    """The most that this process, or one that it started, had resident."""
    started = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    if sys.platform == "darwin":
        return max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, started) / 2**20
    # Linux counts in `ru_maxrss` what the process that started this one held.
    (own,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return max(int(own), started) / 2**10
