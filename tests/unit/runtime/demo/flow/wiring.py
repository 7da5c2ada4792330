from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import structlog

from tests.unit.runtime.demo.flow.ports import FlowPorts
from tests.unit.runtime.demo.receiver import ledger
from workers.runtime.resources import Deliver, Regular, Resources
from workers.runtime.work import Work

log = structlog.get_logger()


def ports(resources: Resources, work: Work) -> FlowPorts:
    return FlowPorts(work, resources.cache)


def deliveries(resources: Resources) -> Mapping[str, Deliver]:
    return {"test": ledger(resources.pool)}


def chores(resources: Resources) -> Sequence[Regular]:
    async def water() -> int:
        log.info("watered", action="watered", connections=resources.pool.max_size)
        return 0

    return [Regular("flowers", 60.0, water)]


async def prepare(resources: Resources, tasks: Collection[str]) -> None:
    log.info("prepared", action="prepared", tasks=sorted(tasks))


async def close(resources: Resources) -> None:
    resources.cache.clear()
