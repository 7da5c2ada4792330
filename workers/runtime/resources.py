"""What one process shares between its jobs, and what a context's `wiring.py` makes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from workers.runtime.database import Pool
from workers.runtime.outbox import OutboxRow
from workers.runtime.work import Work
from workers.settings import Settings

Deliver = Callable[[OutboxRow], Awaitable[None]]
"""Sends one outbox row to where its channel leads; must be safe to repeat for the same `external_id`.

It raises TransientError or RateLimited to be tried again, PermanentError to put the row among the dead letters.
"""


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Resources:
    """Shared by all jobs of one process."""

    settings: Settings
    pool: Pool
    cache: dict[str, Any] = field(default_factory=dict)  # Any: each context keeps its own heavy things here
    clock: Callable[[], datetime] = now
    """What tasks take for the present moment; process tests move it together with the engine's clock."""


class Wiring(Protocol):
    """The form of a context's module `wiring`."""

    def ports(self, resources: Resources, work: Work) -> object:
        """What the context's tasks get as their second argument; called once for each job."""
        ...

    def deliveries(self, resources: Resources) -> Mapping[str, Deliver]:
        """Who sends the outbox rows of which channel; called once in a dispatcher."""
        ...
