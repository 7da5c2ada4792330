"""How fast HubSpot may be asked: by what its answers say of the limits, before it has to refuse.

The limits are the account's and the app's, so other processes and programs use them up too; what counts is told by the
headers ``X-HubSpot-RateLimit-…``. Searches have a limit of their own and bring no such headers.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping

from workers.connectors import pace
from workers.connectors.answers import DAILY_SECONDS, SystemPause
from workers.connectors.pace import SCARCE

SEARCHES_PER_SECOND = 4

_PREFIX = "x-hubspot-ratelimit-"


class Pace(pace.Pace):
    """One for each process and account."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__("HubSpot", clock)
        self._searches: deque[float] = deque(maxlen=SEARCHES_PER_SECOND)
        self.limits: dict[str, int] = {}
        """What the last answer said, by the end of the header's name: ``max``, ``remaining``, ``daily`` …"""

    def wait(self, *, search: bool, patience: float) -> float:
        """Take a place in the queue: seconds to wait before the request.

        Raises:
            SystemPause: that would be more than `patience` seconds; no place was taken.
        """
        full = search and len(self._searches) == SEARCHES_PER_SECOND
        wait = self.turn(patience=patience, earliest=self._searches[0] + 1.0 if full else 0.0)
        if search:
            self._searches.append(self._clock() + wait)
        return wait

    def told(self, headers: Mapping[str, str]) -> None:
        """Note what an answer says of the limits."""
        said = {
            name.lower().removeprefix(_PREFIX): value
            for name, value in headers.items()
            if name.lower().startswith(_PREFIX)
        }
        self.limits |= {name: int(value) for name, value in said.items() if value.isascii() and value.isdecimal()}
        if "remaining" not in said:
            return
        most, left = self.limits.get("max", 0), self.limits.get("remaining", 0)
        interval = self.limits.get("interval-milliseconds", 10_000) / 1_000
        scarce = most > 0 and left < most * SCARCE
        self._step = interval / most if scarce else 0.0
        if scarce and left == 0:
            self.close(SystemPause("HubSpot's limit for these seconds is used up.", interval))
        if self.limits.get("daily-remaining") == 0:
            self.close(SystemPause("The day's requests to HubSpot are used up.", DAILY_SECONDS))
