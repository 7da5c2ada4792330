"""What a process has one of for each system it speaks to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

from workers.connectors.leads import System
from workers.runtime.resources import Resources

READING_SECONDS = 2.0
"""Of a request that a job waits for; the port's promise."""
DELIVERING_SECONDS = 10.0
"""Of a request of a delivery; it may need three."""

_MADE = "connectors"

S = TypeVar("S", bound=System[Any, Any])  # Any: whichever system it is


class NotConnected(Exception):
    """A system is asked for, but how to log in there is not set."""


def shared(resources: Resources, name: str, seconds: float, first: Callable[[], S], client: Callable[[S], object]) -> S:
    """The process's way to a system whose requests take `seconds` at most.

    `first` makes it; for other `seconds` only the client is another: limits, people and the breaker are the account's.
    """
    made: dict[tuple[str, float], System[Any, Any]] = resources.cache.setdefault(_MADE, {})
    if (name, seconds) not in made:
        other = next((one for (known, _), one in made.items() if known == name), None)
        made[name, seconds] = first() if other is None else replace(other, client=client(cast("S", other)))
    return cast("S", made[name, seconds])


async def close(resources: Resources) -> None:
    """Close the connections; the second call does nothing."""
    for one in resources.cache.pop(_MADE, {}).values():
        await one.client.close()
