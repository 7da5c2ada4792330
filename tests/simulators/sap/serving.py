"""Serves a simulated system on a port of its own while a test runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from tests.simulators.sap.app import ORDERS, SERVICE, create_app
from tests.simulators.sap.door import Door
from tests.simulators.sap.service import Service
from tests.simulators.sap.system import System
from tests.simulators.serving import listening


@dataclass
class Simulated:
    system: System
    door: Door
    service: Service
    orders: Service
    url: str = ""

    @property
    def services(self) -> dict[str, Service]:
        """By their addresses."""
        return {SERVICE: self.service, ORDERS: self.orders}

    def asked(self, part: str) -> int:
        """How many requests had this in their method or path."""
        return sum(part in one for one in self.door.asked)


def made() -> Simulated:
    system = System()
    partners = Service(system, f"https://sap.example{SERVICE}")
    return Simulated(system, Door(), partners, Service(system, f"https://sap.example{ORDERS}", orders=True))


@contextlib.contextmanager
def served() -> Iterator[Simulated]:
    simulated = made()
    with listening(create_app(simulated.system, simulated.door, simulated.services)) as simulated.url:
        yield simulated
