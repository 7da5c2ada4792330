"""Serves a simulated organisation on a port of its own while a test runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.simulators.salesforce.app import create_app
from tests.simulators.salesforce.bulk import Jobs
from tests.simulators.salesforce.bus import Bus
from tests.simulators.salesforce.door import Door
from tests.simulators.salesforce.org import Org
from tests.simulators.serving import listening


@dataclass
class Simulated:
    org: Org = field(default_factory=Org)
    door: Door = field(default_factory=Door)
    url: str = ""
    jobs: Jobs = field(init=False)
    bus: Bus = field(init=False)
    """Its Pub/Sub API; whoever needs it serves it."""

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.org)
        self.bus = Bus(self.org, self.door)

    def asked(self, part: str) -> int:
        """How many requests had this in their method or path."""
        return sum(part in one for one in self.door.asked)

    @property
    def leads(self) -> list[dict[str, Any]]:
        """All leads, the first that was made first."""
        return list(self.org.records["Lead"].values())


@contextlib.contextmanager
def served() -> Iterator[Simulated]:
    simulated = Simulated()
    # Its own clock tells the time of answers.
    with listening(create_app(simulated.org, simulated.door, simulated.jobs), date_header=False) as simulated.url:
        try:
            yield simulated
        finally:
            simulated.bus.stop()
