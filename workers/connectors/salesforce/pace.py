"""How fast Salesforce may be asked: by what each answer says of the requests of the last 24 hours.

They are the organisation's, so other programs use them up too; ``Sforce-Limit-Info: api-usage=18/5000`` tells.
https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_api_usage.htm
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from workers.connectors import pace
from workers.connectors.answers import DAILY_SECONDS, SystemPause
from workers.connectors.pace import SCARCE

SPREAD_SECONDS = 3600.0
"""What is left, when it is scarce, lasts so long at least: meanwhile the oldest requests of the 24 hours count no more."""

_USAGE = re.compile(r"(?:^|[\s;])api-usage=(\d{1,12})/(\d{1,12})")


class Pace(pace.Pace):
    """One for each process and organisation."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__("Salesforce", clock)
        self.used: tuple[int, int] | None = None
        """Requests of the last 24 hours, and how many there may be; None: nothing was said yet."""

    def told(self, headers: Mapping[str, str]) -> None:
        """Note what an answer says of the limit."""
        said = _USAGE.search(headers.get("sforce-limit-info", ""))
        if said is None:
            return
        used, most = int(said[1]), int(said[2])
        self.used = used, most
        left = most - used
        scarce = left < most * SCARCE
        self._step = SPREAD_SECONDS / left if scarce and left > 0 else 0.0
        if scarce and left <= 0:
            self.close(SystemPause("The day's requests to Salesforce are used up.", DAILY_SECONDS))
