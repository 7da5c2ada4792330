"""How fast a system may be asked. One for each process and account; who knows its limits is a subclass."""

from __future__ import annotations

from collections.abc import Callable

from workers.connectors.answers import SystemPause

SCARCE = 0.1
"""Below this share of what is allowed, the requests that are left are spread."""


class Pace:
    """Closed for a while, or with a step between two requests, or free."""

    def __init__(self, title: str, clock: Callable[[], float]) -> None:
        self._title = title
        self._clock = clock
        self._closed_until = 0.0
        self._why = ""
        self._next = 0.0
        self._step = 0.0

    def turn(self, *, patience: float, earliest: float = 0.0) -> float:
        """Take a place in the queue: seconds to wait before the request; not before `earliest` on the clock.

        Raises:
            SystemPause: that would be more than `patience` seconds; no place was taken.
        """
        now = self._clock()
        at = max(now, self._closed_until, self._next, earliest)
        if at - now > patience:
            raise SystemPause(self._why or f"{self._title}'s limit is nearly used up.", at - now)
        self._next = at + self._step if self._step else self._next
        return at - now

    def close(self, pause: SystemPause) -> None:
        """The system asked for a pause: nothing is asked until it is over."""
        self._closed_until = max(self._closed_until, self._clock() + pause.retry_after)
        self._why = str(pause)
