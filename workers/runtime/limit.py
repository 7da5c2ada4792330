"""How many jobs run at once: limits that follow latency and the broker's back-pressure.

The algorithm is Gradient2 of Netflix' concurrency-limits (https://github.com/Netflix/concurrency-limits,
``Gradient2Limit``): a window's median latency is set against its own long-term average. A limit falls only when the
latency is more than `TOLERANCE` times that average, which is past the point where more concurrency buys throughput;
the square root of the limit is added as room to grow. Back-pressure cuts it at once, as in ``AIMDLimit`` there.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Literal

import structlog

from workers.runtime import metrics

log = structlog.get_logger()

Why = Literal["latency", "backpressure", "room"]

ALL = "all"
"""Label of the process's own limit beside those of its tasks."""

WINDOW_SECONDS = 0.25
"""A limit is looked at no more often."""
WINDOW_JOBS = 10
"""Nor after fewer jobs, or fewer than half its limit if that is less: a median of too few says nothing."""
LONG_WINDOWS = 600
"""What the long-term average is over."""
TOLERANCE = 2.0
"""How many times its long-term average a latency may be."""
STEEPEST = 0.5
"""One window takes away no more than this share (of what `SMOOTHING` lets through)."""
SMOOTHING = 0.4
BACK_OFF = 0.7
"""What back-pressure leaves of a limit, once in a window."""
UNKNOWN_SECONDS = 0.05
"""What a job is taken to last before one of its kind has ended."""


class Limit:
    """One limit, a whole number from 1 to `most`; it starts at `most`."""

    def __init__(
        self,
        most: int,
        *,
        now: Callable[[], float] = time.monotonic,
        changed: Callable[[int, Why], None] = lambda _value, _why: None,
    ) -> None:
        self._most = most
        self._now = now
        self._changed = changed
        self._estimate = float(most)
        self._window: list[float] = []
        self._jobs = 0
        self._busiest = 0
        self._since = now()
        self._cut_at = -math.inf
        self._long: float | None = None
        self._windows = 0

    @property
    def value(self) -> int:
        """Jobs that may run at once now."""
        return int(self._estimate)

    @property
    def typical(self) -> float:
        """The long-term average of latency in seconds."""
        return UNKNOWN_SECONDS if self._long is None else self._long

    def ended(self, running: int, seconds: float | None = None) -> None:
        """A job ended well while `running` ran, itself included; `seconds` if what it took says something of latency."""
        self._jobs += 1
        self._busiest = max(self._busiest, running)
        if seconds is not None:
            self._window.append(seconds)
        if self._jobs >= min(WINDOW_JOBS, max(1, self.value // 2)) and self._now() - self._since >= WINDOW_SECONDS:
            self._look()

    def refused(self) -> None:
        """The broker pleaded overload."""
        if self._now() - self._cut_at < WINDOW_SECONDS:
            return
        self._cut_at = self._now()
        self._move(self._estimate * BACK_OFF, "backpressure")
        self._begin()

    def _look(self) -> None:
        gradient = self._gradient()
        if 2 * self._busiest >= self.value:  # else it is not the limit that holds anything back
            wanted = self._estimate * gradient + math.sqrt(self._estimate)
            wanted = (1 - SMOOTHING) * self._estimate + SMOOTHING * wanted
            self._move(wanted, "latency" if wanted < self._estimate else "room")
        self._begin()

    def _gradient(self) -> float:
        if not self._window:
            return 1.0
        short = max(statistics.median(self._window), 1e-6)
        self._windows = min(self._windows + 1, LONG_WINDOWS)
        before = short if self._long is None else self._long
        self._long = before + (short - before) / self._windows
        if self._long > 2 * short:  # after a long slow time: back to normal without waiting for the average
            self._long *= 0.95
        return max(STEEPEST, min(1.0, TOLERANCE * self._long / short))

    def _move(self, wanted: float, why: Why) -> None:
        before, self._estimate = self.value, max(1.0, min(float(self._most), wanted))
        if self.value != before:
            self._changed(self.value, why)

    def _begin(self) -> None:
        self._window.clear()
        self._jobs = self._busiest = 0
        self._since = self._now()


class Limits:
    """The limits of one process: each task type's by its latency, and one for all by the broker's back-pressure.

    A slow dependency thus takes nothing from tasks that do not need it, and what slows all of them shows in all.
    """

    def __init__(self, most: int, job_types: Iterable[str], now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._refused_at = -math.inf
        self._all = Limit(most, now=now, changed=_shown(ALL, most))
        self._types = {one: Limit(most, now=now, changed=_shown(one, most)) for one in job_types}
        self.running = dict.fromkeys(self._types, 0)
        """Jobs at work, by type."""

    @property
    def total(self) -> int:
        """Jobs of all types that may run at once now."""
        return self._all.value

    def may_start(self, job_type: str) -> bool:
        """Whether one more job of this type may run."""
        return sum(self.running.values()) < self.total and self.running[job_type] < self._types[job_type].value

    def of(self, job_type: str) -> int:
        """Jobs of this type that may run at once now."""
        return min(self.total, self._types[job_type].value)

    def typical(self, job_type: str) -> float:
        """Seconds that a job of this type lasts on the long average."""
        return self._types[job_type].typical

    def start(self, job_type: str) -> float:
        """Count a job of this type in; when that was, by this object's clock."""
        self.running[job_type] += 1
        return self._now()

    def end(self, job_type: str, started: float, outcome: str | None) -> None:
        """Count it out; `outcome` is what `Worker.handle` said, None if it did not end by itself."""
        together, alike = sum(self.running.values()), self.running[job_type]
        self.running[job_type] -= 1
        if outcome in {None, "handed_back", "gone"}:
            return
        self._all.ended(together)
        seconds = self._now() - started
        # What failed quickly says nothing of latency, and what waited for the broker is the process's matter.
        says = outcome in {"completed", "business_error"} or seconds > self.typical(job_type)
        if says and started > self._refused_at:
            self._types[job_type].ended(alike, seconds)

    def refused(self) -> None:
        """The broker pleaded overload."""
        self._refused_at = self._now()
        self._all.refused()


def _shown(name: str, most: int) -> Callable[[int, Why], None]:
    gauge = metrics.WORKER_LIMIT.labels(name)
    gauge.set(most)

    def changed(value: int, why: Why) -> None:
        gauge.set(value)
        metrics.WORKER_LIMIT_CHANGES.labels(name, why).inc()
        log.debug("limit changed", action="limit_changed", limit=value, of=name, why=why)

    return changed
