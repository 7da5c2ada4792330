"""Serves a simulated account on a port of its own while a test runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.simulators.hubspot.app import create_app
from tests.simulators.hubspot.limits import Door
from tests.simulators.hubspot.records import Account
from tests.simulators.serving import listening


@dataclass
class Simulated:
    account: Account = field(default_factory=Account)
    door: Door = field(default_factory=Door)
    url: str = ""

    def asked(self, part: str) -> int:
        """How many requests had this in their method or path."""
        return sum(part in one for one in self.door.asked)


@contextlib.contextmanager
def served() -> Iterator[Simulated]:
    simulated = Simulated()
    with listening(create_app(simulated.account, simulated.door)) as simulated.url:
        yield simulated
