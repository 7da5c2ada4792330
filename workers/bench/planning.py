"""`fairlead bench planning`: ours, a plain MIP by HiGHS and CP-SAT on the same instances, one after the other, in the same time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from multiprocessing import get_context
from multiprocessing.connection import Connection

import psutil

from workers.bench.planning_cases import Answer, Case, Side, Work, measured
from workers.bench.planning_cpsat import solve_with_cpsat
from workers.bench.planning_quotas import QuotaFigures
from workers.territory_alignment.solving.exactly import solve_exactly
from workers.territory_alignment.solving.model import Model
from workers.territory_alignment.solving.running import Limits, gap, solve
from workers.territory_alignment.solving.warming import warm

OURS, PLAIN, CPSAT = "Fairlead", "plain MIP, HiGHS", "CP-SAT"
MIB = 2_048.0
FIRST_SECONDS = 10.0
ABOVE_LP = {(200, 5_000, 60.0): 0.03}
OWN_GAP = {(50, 1_000, 30.0): 0.007}
"""Reps, accounts, seconds → targets."""
PATIENCE, MAKING_SECONDS = 2.0, 60.0
"""A side may take so many times its time, and so long to start and to make its model; then it is killed."""
DEFAULT = ("50x1000:30", "200x5000:60", "c20x200:30", "d20x200:30", "e20x200:30")


@dataclass(frozen=True)
class Outcome:
    """All sides on one instance."""

    case: Case
    sides: list[Side]

    def above(self, side: Side) -> float | None:
        """A side's distance to our LP bound, which is the same for all; None without a plan."""
        lp = next((one.answer.lp for one in self.sides if one.answer.lp is not None), None)
        return None if lp is None or side.answer.value is None else gap(side.answer.value, lp)

    def judged(self) -> list[tuple[str, bool]]:
        """Each target that is known for the instance, in words, and whether ours met it."""
        key = (self.case.reps, self.case.accounts, self.case.seconds)
        ours = self.sides[0]
        if self.case.kind or key not in ABOVE_LP | OWN_GAP:
            return []
        first, above, own = ours.answer.first, self.above(ours), own_gap(ours)
        found = [
            (f"first plan after {_told(first, '.1f')} s, target {FIRST_SECONDS:g} s", _within(first, FIRST_SECONDS)),
            (f"{ours.peak_mib:,.0f} MiB, target {MIB:,.0f}", ours.peak_mib <= MIB),
        ]
        if (most := ABOVE_LP.get(key)) is not None:
            found.append((f"{_told(above, '.2%')} above the LP bound, target {most:.1%}", _within(above, most)))
        if (most := OWN_GAP.get(key)) is not None:
            found.append((f"gap {_told(own, '.2%')}, target {most:.1%}", _within(own, most)))
        return found


def _told(figure: float | None, form: str) -> str:
    return "none" if figure is None else format(figure, form)


def _within(figure: float | None, most: float) -> bool:
    return figure is not None and figure <= most


def missing() -> str | None:
    """What keeps a side out, and what to do; None if all can run."""
    if find_spec("ortools"):
        return None
    return "CP-SAT is left out: OR-Tools is not installed. `pip install 'fairlead[bench]'` brings it."


def bench(
    cases: Sequence[Case], *, alternatives: bool, say: Callable[[str], object], done: Callable[[Outcome], object]
) -> list[Outcome]:
    """All sides on each instance, ours first; each in a process of its own, so that memory is its own. What a machine compiles
    once is compiled before.

    OR-Tools and scipy bring a HiGHS each, so CP-SAT's process loads no other solver.
    """
    warm()
    works: dict[str, Work] = {OURS: _ours}
    if alternatives:
        works |= {PLAIN: _plain} | ({} if missing() else {CPSAT: solve_with_cpsat})
    found = []
    for case in cases:
        sides = []
        for name, work in works.items():
            say(f"{case.name}: {name} …")
            sides.append(apart(name, work, case))
        found.append(Outcome(case, sides))
        done(found[-1])
    return found


def apart(name: str, work: Work, case: Case) -> Side:
    """Let a side solve an instance in a process of its own.

    One that is not back after `PATIENCE` times its time, as HiGHS at times looks at no clock, is killed: it has no plan, and has
    proved that a score is not negative.

    Raises:
        EOFError: the process died; it has said why.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(theirs, name, work, case))
    began = time.monotonic()
    process.start()
    theirs.close()
    try:
        if ours.poll(PATIENCE * case.seconds + MAKING_SECONDS):
            side: Side = ours.recv()
            return side
        late = psutil.Process(process.pid)
        used, held = sum(late.cpu_times()[:2]), late.memory_info().rss / 2**20
        return Side(name, Answer(None, 0.0), time.monotonic() - began, used, held)
    finally:
        process.kill()
        process.join()
        ours.close()


def _report(to: Connection, name: str, work: Work, case: Case) -> None:
    to.send(measured(name, work, case))


def own_gap(side: Side) -> float | None:
    """The distance of a side's plan to what it proved by itself, relative; None without a plan."""
    return None if side.answer.value is None else gap(side.answer.value, side.answer.bound)


def _ours(model: Model, seconds: float, seed: int) -> Answer:
    found = solve(model, Limits(seconds, gap=0.0, seed=seed))
    first = next(step.seconds for step in found.trace if step.value < float("inf"))
    return Answer(found.value, found.bound, first, found.relaxed)


def _plain(model: Model, seconds: float, seed: int) -> Answer:
    found = solve_exactly(model, seconds=seconds)
    return Answer(None if found.owner is None else model.value(found.owner), found.bound)


def as_json(
    outcomes: Sequence[Outcome],
    quotas: QuotaFigures | None,
    here: Mapping[str, object],
    versions: Mapping[str, str],
) -> dict[str, object]:
    """The whole report as plain JSON values."""
    return {
        "benchmark": "planning",
        "machine": dict(here),
        "versions": dict(versions),
        "instances": [
            asdict(outcome.case)
            | {
                "targets": [{"target": text, "met": met} for text, met in outcome.judged()],
                "sides": [
                    asdict(side) | {"gap": own_gap(side), "above_lp": outcome.above(side)} for side in outcome.sides
                ],
            }
            for outcome in outcomes
        ],
        "quotas": None if quotas is None else asdict(quotas),
    }
