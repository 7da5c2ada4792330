"""Processor time of each program during a run: how much a lead costs, and how much of the machine others took."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

COMPILER = re.compile(r"C[12] Compiler")
"""How HotSpot names the threads that compile."""
WARM = 0.1
"""A Java machine is warm when its compilers take at most this part of the processor time it uses: at first they take more
of it than the work does."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Processor seconds used until now."""

    at: float
    machine: float
    """By everything on the machine."""
    programs: dict[str, float]


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used between two snapshots."""

    seconds: float
    programs: dict[str, float]
    """Program → processor seconds."""
    others_cores: float
    """Cores that programs other than these kept busy, on average: above a tenth or so, the figures suffer."""


def snapshot(pids: Mapping[str, int]) -> Snapshot:
    """Processor seconds of programs with all their children, by the process ids of their first processes.

    The benchmark itself is counted as ``bench``. A program that is gone counts nothing.
    """
    used = {name: _used(pid, with_children=True) for name, pid in pids.items()}
    times = psutil.cpu_times()
    busy = sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)
    return Snapshot(time.monotonic(), busy, used | {"bench": _used(os.getpid(), with_children=False)})


def usage(before: Snapshot, after: Snapshot) -> Usage:
    """The difference of two snapshots; programs that were started or restarted between count from their start."""
    used = {
        name: seconds - before.programs.get(name, 0.0) if seconds >= before.programs.get(name, 0.0) else seconds
        for name, seconds in after.programs.items()
    }
    span = after.at - before.at
    others = (after.machine - before.machine - sum(used.values())) / span
    return Usage(span, {name: round(seconds, 2) for name, seconds in used.items()}, round(max(others, 0.0), 2))


class Compilers:
    """The part that the compilers of a Java machine have in the processor time it uses."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before = (compiling(pid), _used(pid, with_children=False))

    def share(self) -> float | None:
        """Their part since the last look (0 to 1); None if that can't be seen here."""
        now = (compiling(self._pid), _used(self._pid, with_children=False))
        before, self._before = self._before, now
        if now[0] is None or before[0] is None:
            return None
        return (now[0] - before[0]) / max(now[1] - before[1], 0.01)


async def warm_up(
    pid: int | None, at_most: int, once: Callable[[], Awaitable[None]], tell: Callable[[str], None]
) -> None:
    """Do something again and again until a Java machine has compiled what is hot; `at_most` so many times, and as often
    where its compilers can't be seen (`pid` None: nor can it).
    """
    compilers = None if pid is None else Compilers(pid)
    for number in range(1, at_most + 1):
        await once()
        share = None if compilers is None else compilers.share()
        if share is not None:
            tell(f"warm-up {number}: of Camunda's processor time, its compilers took {share:.0%}")
            if share <= WARM:
                return


def compiling(pid: int) -> float | None:
    """Processor seconds that the compilers of a Java machine have used until now; None if that can't be seen here."""
    threads = Path(f"/proc/{pid}/task")
    used, seen = 0.0, False
    with contextlib.suppress(OSError, psutil.Error):
        for thread in psutil.Process(pid).threads():
            name = (threads / str(thread.id) / "comm").read_text()
            if COMPILER.match(name):
                used, seen = used + thread.user_time + thread.system_time, True
    return used if seen else None


def _used(pid: int, *, with_children: bool) -> float:
    try:
        first = psutil.Process(pid)
        family = [first, *first.children(recursive=True)] if with_children else [first]
        return sum(sum(process.cpu_times()[:2]) for process in family)  # user and system
    except psutil.NoSuchProcess:
        return 0.0
