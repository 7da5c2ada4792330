"""When the engine was last away for so long that it may be another one now, which knows nothing of what it did last.

Zeebe hands out jobs before the decision that made them is on its log for good (camunda/camunda#59177; mended by #59206
of 2026). A broker that dies at that moment, or loses its leadership, decides anew afterwards, with other keys.
The element instance of a job from its last moments may then never have been, and the job's key may be the key of another
job: to answer it would complete what nobody worked on. So a job that came shortly before the engine was away is not
answered: it is made to come again, and answered then from its stored result.
"""

from __future__ import annotations

import time

import grpc

_AWAY = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
}
"""Anything else is an answer: the engine is there."""

AWAY_SECONDS = 2.0
"""In less time no broker is started again, and none takes over from another one (its election takes longer)."""

FRESH_SECONDS = 10.0
"""What is older was on the log: that takes milliseconds, and after seconds of silence a call has failed."""

_NS = 1_000_000_000


class Contact:
    """What the calls to an engine tell of its absences. Times are nanoseconds since 1970, as `Job.arrived_ns`."""

    def __init__(self) -> None:
        self._lost: int | None = None
        self._away: tuple[int, int] | None = None

    def lost(self, now: int | None = None) -> None:
        """A call found nobody."""
        if self._lost is None:
            self._lost = time.time_ns() if now is None else now

    def met(self, error: grpc.aio.AioRpcError) -> None:
        """A call failed so."""
        if error.code() in _AWAY:
            self.lost()
        else:
            self.had()

    def had(self, now: int | None = None) -> None:
        """A call was answered."""
        if self._lost is not None:
            self._away = self._absence(time.time_ns() if now is None else now) or self._away
            self._lost = None

    def forgotten(self, arrived_ns: int, now: int | None = None) -> bool:
        """Whether the engine may not know a job any more that came then, or may know another one by its key."""
        away = self._absence(time.time_ns() if now is None else now) or self._away
        return away is not None and away[0] - FRESH_SECONDS * _NS <= arrived_ns <= away[1]

    def _absence(self, now: int) -> tuple[int, int] | None:
        if self._lost is None or now - self._lost < AWAY_SECONDS * _NS:
            return None
        return self._lost, now
