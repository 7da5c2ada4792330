"""What open pages of the control room may cost: a small share of the machine, and more where nobody else needs it.

Leads come first. What pages cost is paid off at a rate that follows from how busy the machine is, and open pages are told
of changes once it is paid: on an idle machine at once, on one that routes all the leads it can every half a minute.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import psutil

BUSY_SHARE = 0.01
"""Of the machine's processors, where all of them are busy."""
IDLE_PART = 0.1
"""Of what is idle."""
PAGE_SECONDS = 0.006
"""Of a processor, for a page whose figures are there already: the request, and its part of the writing."""
MOST_SECONDS = 30.0
"""Open pages are told of changes after so long, whatever it costs; and figures are no older."""
SAMPLE_SECONDS = 1.0
"""Over so long at least is it measured how busy the machine is."""


class Idle:
    """How much of this machine's processors nobody used since it was asked before: 0 to 1."""

    def __init__(self) -> None:
        psutil.cpu_percent()  # from here on

    def __call__(self) -> float:
        """The share; of less than a tenth of a second it says nothing."""
        return 1 - float(psutil.cpu_percent()) / 100


class Pace:
    """One for each process."""

    def __init__(self, idle: Callable[[], float] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._idle = Idle() if idle is None else idle
        self._clock = clock
        self._cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._share = BUSY_SHARE + IDLE_PART
        self._sampled = self._paid = clock()
        self._owed = 0.0
        self.told_at = float("-inf")
        """When open pages were told of changes last, by the clock."""

    def spent(self, seconds: float) -> None:
        """So much was done for pages: seconds that somebody waited for it, or of a processor."""
        self._owed += seconds

    def told(self, pages: int) -> None:
        """So many open pages are told of a change now, and will be loaded again."""
        self.told_at = self._clock()
        self.spent(pages * PAGE_SECONDS)

    def now(self) -> float:
        """Seconds by the clock."""
        return self._clock()

    def settle(self) -> bool:
        """Pay off what there was room for since; whether nothing is owed for pages now, or it has been waited for long enough."""
        now = self._clock()
        if now - self._sampled >= SAMPLE_SECONDS:
            self._share = BUSY_SHARE + IDLE_PART * self._idle()
            self._sampled = now
        self._owed = max(0.0, self._owed - (now - self._paid) * self._cores * self._share)
        self._paid = now
        return not self._owed or now - self.told_at >= MOST_SECONDS
