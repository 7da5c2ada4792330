"""Serves a simulated tenant on a port of its own while a test runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.simulators.serving import listening
from tests.simulators.workday.app import create_app
from tests.simulators.workday.door import Door
from tests.simulators.workday.tenant import Tenant


@dataclass
class Simulated:
    tenant: Tenant = field(default_factory=Tenant)
    door: Door = field(default_factory=Door)
    url: str = ""


@contextlib.contextmanager
def served() -> Iterator[Simulated]:
    simulated = Simulated()
    with listening(create_app(simulated.tenant, simulated.door)) as simulated.url:
        yield simulated
