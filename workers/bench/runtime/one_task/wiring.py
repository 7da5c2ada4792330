"""Settings → the file of times."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from workers.bench.runtime.one_task.stamps import Stamps
from workers.runtime.resources import Deliver, Resources
from workers.runtime.work import Work

_STAMPS = "one_task.stamps"


def ports(resources: Resources, _work: Work) -> Stamps:
    """What the tasks get: where to say that they ran."""
    if _STAMPS not in resources.cache:
        resources.cache[_STAMPS] = Stamps(resources.settings)
    stamps: Stamps = resources.cache[_STAMPS]
    return stamps


def deliveries(_resources: Resources) -> Mapping[str, Deliver]:
    """The context sends nothing."""
    return {}


async def prepare(resources: Resources, tasks: Collection[str]) -> None:
    """Nothing is slow the first time."""


async def close(resources: Resources) -> None:
    """Close the file."""
    stamps = resources.cache.pop(_STAMPS, None)
    if stamps is not None:
        stamps.close()
