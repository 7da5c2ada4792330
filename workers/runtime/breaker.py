"""Circuit breakers: a dependency that keeps failing is left alone for a while, then tried by one call at a time.

Michael Nygard, "Release It!", 2nd edition, 2018, chapter 5. One breaker for each dependency and process, kept by the
adapter that all tasks of the process share. ADR 4 says why it is our own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal
from weakref import WeakSet

import structlog

from workers.runtime import metrics
from workers.runtime.errors import DependencyDown

log = structlog.get_logger()

State = Literal["closed", "half_open", "open"]

_LEVELS: dict[State, int] = {"closed": 0, "half_open": 1, "open": 2}

BREAKERS: WeakSet[Breaker] = WeakSet()
"""Those of this process."""

PROBE_SECONDS = 1.0
"""While a probe is under way others are told to come back after so long."""


class Breaker:
    """Closed: all calls pass. Open: none does. Half-open: one at a time, whose outcome closes or opens it."""

    def __init__(
        self,
        name: str,
        *,
        down: type[DependencyDown] = DependencyDown,
        failures: int = 5,
        rest_seconds: float = 2.0,
        longest_rest_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`failures` in a row open it, for `rest_seconds` at first, doubled after each failed probe; then `down` is
        raised instead of calling.
        """
        self.name = name
        self._down = down
        self._limit = failures
        self._first_rest = rest_seconds
        self._longest_rest = longest_rest_seconds
        self._clock = clock
        self._failed = 0
        self._rest = rest_seconds
        self._opened_at = 0.0
        self.state: State = "closed"
        self._enter("closed")
        BREAKERS.add(self)

    @contextmanager
    def guard(self, *failures: type[Exception]) -> Iterator[None]:
        """Around one call: these exceptions say that the dependency is down; any other one, that it answered.

        Raises:
            DependencyDown: (the breaker's `down`) it is open, or a probe is under way.
        """
        probe = self._admit()
        try:
            yield
        except failures:
            self._failure(probe)
            raise
        except (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt):
            if probe:  # no verdict: the next call is the probe
                self._open(self._clock() - self._rest)
            raise
        except BaseException:
            self._success(probe)
            raise
        self._success(probe)

    def _admit(self) -> bool:
        """Whether this call is a probe."""
        if self.state == "closed":
            return False
        left = self._opened_at + self._rest - self._clock()
        if self.state == "half_open" or left > 0:
            metrics.BREAKER_REFUSED.labels(self.name).inc()
            raise self._down(
                f"{self.name} is left alone after repeated failures; tried again soon.",
                retry_after=max(left, PROBE_SECONDS),
            )
        self._enter("half_open")
        return True

    def _failure(self, probe: bool) -> None:
        if probe:
            self._rest = min(self._longest_rest, self._rest * 2)
            metrics.BREAKER_OPENED.labels(self.name).inc()
            self._open(self._clock())
        elif self.state == "closed":  # a call from before it opened tells nothing new
            self._failed += 1
            if self._failed >= self._limit:
                self._rest = self._first_rest
                metrics.BREAKER_OPENED.labels(self.name).inc()
                self._open(self._clock())

    def _success(self, probe: bool) -> None:
        if probe or self.state == "closed":
            self._failed = 0
            if self.state != "closed":
                self._enter("closed")

    def _open(self, since: float) -> None:
        self._opened_at = since
        self._enter("open")

    def _enter(self, state: State) -> None:
        if state != self.state:
            say = log.warning if state == "open" else log.info
            say(f"breaker {state}", action=f"breaker_{state}", dependency=self.name, rest=round(self._rest, 1))
        self.state = state
        metrics.BREAKER_STATE.labels(self.name).set(_LEVELS[state])
