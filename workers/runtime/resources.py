"""What one process shares between its jobs, and what a context's `wiring.py` makes of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from workers.runtime.database import Pool
from workers.runtime.housekeeping import Chore
from workers.runtime.outbox import Deliver
from workers.runtime.work import Work
from workers.settings import Settings

__all__ = ["Deliver", "Regular", "Resources", "Wiring", "now"]


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


@dataclass(frozen=True, slots=True)
class Regular:
    """A chore of a dispatcher; see `housekeeping.regularly`."""

    name: str
    seconds: float
    """Between two times."""
    chore: Chore


class Wiring(Protocol):
    """The form of a context's module `wiring`. It may also have `Chores` by the name of `chores`."""

    def ports(self, resources: Resources, work: Work) -> object:
        """What the context's tasks get as their second argument; called once for each job."""
        ...

    def deliveries(self, resources: Resources) -> Mapping[str, Deliver]:
        """Who sends the outbox rows of which channel; called once in a dispatcher."""
        ...

    async def prepare(self, resources: Resources, tasks: Collection[str]) -> None:
        """Make what these tasks (their names) would otherwise make while their first jobs wait; called once in a worker,
        when the database is there and before jobs are taken. Nothing may depend on it.
        """
        ...

    async def close(self, resources: Resources) -> None:
        """Close what the context keeps open in `resources.cache`; called once, before the process ends."""
        ...


class Chores(Protocol):
    """What a context has done now and then beside the sending; called once in a dispatcher."""

    def __call__(self, resources: Resources) -> Sequence[Regular]:
        """The chores; each may run in several dispatchers at once."""
        ...
