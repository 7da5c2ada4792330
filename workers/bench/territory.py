"""`fairlead bench territory`: ours, a plain MIP by HiGHS and CP-SAT on the same model, one after the other."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from importlib.util import find_spec
from multiprocessing import get_context

from workers.bench.territory_cpsat import solve_with_cpsat
from workers.territory_alignment.solving.exactly import solve_exactly
from workers.territory_alignment.solving.model import Model, build
from workers.territory_alignment.solving.organisation import Weights
from workers.territory_alignment.solving.running import Limits, gap, solve
from workers.territory_alignment.solving.sample import sample_organisation

FIRST_SECONDS, MIB = 10.0, 2_048.0
TARGETS = {(200, 5_000, 60.0): 0.03, (50, 1_000, 30.0): 0.007}
"""Reps, accounts, seconds → how far above the LP bound the score may be."""


@dataclass(frozen=True)
class Side:
    """One side of the comparison."""

    name: str
    value: float | None
    """Score; None: no plan in the time."""
    bound: float
    """What it proved by itself."""
    seconds: float
    """Until it stopped, without making the model."""
    cpu_seconds: float
    """Of processor time, all threads: on a crowded machine, compare this."""
    first: float | None
    """Until its first plan, where that is known."""
    peak_mib: float
    """Of its process, resident, the interpreter and its libraries included."""
    above_lp: float | None = None
    """Relative distance to our LP bound, the same for all sides."""
    note: str = ""

    @property
    def gap(self) -> float | None:
        """To its own bound."""
        return None if self.value is None else gap(self.value, self.bound)


def bench(
    reps: int, accounts: int, seconds: float, seed: int, *, alternatives: bool, say: Callable[[str], object]
) -> list[Side]:
    """All sides, ours first; each in a process of its own, so that memory is its own."""
    works = [_ours]
    if alternatives:
        works += [_plain, _cpsat] if find_spec("ortools") else [_plain]
    sides: list[Side] = []
    lp = 0.0
    for work in works:
        say(f"{work.__name__.strip('_')} …")
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            side, relaxed = pool.submit(work, reps, accounts, seconds, seed).result()
        lp = relaxed or lp
        sides.append(replace(side, above_lp=None if side.value is None else gap(side.value, lp)))
    return sides


def missed(ours: Side, reps: int, accounts: int, seconds: float) -> list[str]:
    """The targets that were missed, in words; those of other sizes are not known."""
    found = []
    most = TARGETS.get((reps, accounts, seconds))
    if most is not None and (ours.above_lp is None or ours.above_lp > most):
        found.append(f"score {ours.above_lp or float('inf'):.2%} above the LP bound, target {most:.1%}")
    if most is not None and (ours.first is None or ours.first > FIRST_SECONDS):
        found.append(f"first plan after {ours.first} s, target {FIRST_SECONDS:g} s")
    if ours.peak_mib > MIB:
        found.append(f"{ours.peak_mib:,.0f} MiB, target {MIB:,.0f}")
    return found


def _model(reps: int, accounts: int, seed: int) -> Model:
    return build(sample_organisation(reps, accounts, seed), Weights())


def _peak() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 2**20 if sys.platform == "darwin" else used / 2**10


class _Clock:
    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def used(self) -> tuple[float, float]:
        return time.monotonic() - self._wall, time.process_time() - self._cpu


def _ours(reps: int, accounts: int, seconds: float, seed: int) -> tuple[Side, float]:
    model = _model(reps, accounts, seed)
    clock = _Clock()
    found = solve(model, Limits(seconds, seed=seed))
    first = next(step.seconds for step in found.trace if step.value < float("inf"))
    side = Side(
        "Fairlead", found.value, found.bound, *clock.used(), first, _peak(), note=f"{found.rounds} neighbourhoods"
    )
    return side, found.relaxed


def _plain(reps: int, accounts: int, seconds: float, seed: int) -> tuple[Side, float]:
    model = _model(reps, accounts, seed)
    clock = _Clock()
    found = solve_exactly(model, seconds=seconds)
    value = None if found.owner is None else model.value(found.owner)
    return Side("plain MIP, HiGHS", value, found.bound, *clock.used(), None, _peak()), 0.0


def _cpsat(reps: int, accounts: int, seconds: float, seed: int) -> tuple[Side, float]:
    model = _model(reps, accounts, seed)
    clock = _Clock()
    owner, bound, first = solve_with_cpsat(model, seconds=seconds, seed=seed)
    value = None if owner is None else model.value(owner)
    return Side("CP-SAT", value, bound, *clock.used(), first, _peak()), 0.0
