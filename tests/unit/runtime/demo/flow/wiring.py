from __future__ import annotations

from collections.abc import Mapping

from tests.unit.runtime.demo.flow.ports import FlowPorts
from tests.unit.runtime.demo.receiver import ledger
from workers.runtime.resources import Deliver, Resources
from workers.runtime.work import Work


def ports(resources: Resources, work: Work) -> FlowPorts:
    return FlowPorts(work, resources.cache)


def deliveries(resources: Resources) -> Mapping[str, Deliver]:
    return {"test": ledger(resources.pool)}


async def close(resources: Resources) -> None:
    resources.cache.clear()
