"""What a dispatcher delivers for connectors that belong to no process: contacts of HubSpot that become leads, and events
that Kafka is told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.connectors.hubspot import making
from workers.connectors.hubspot.contacts import ContactIntake
from workers.connectors.hubspot.events import CHANNEL
from workers.office import systems
from workers.runtime.resources import Deliver, Resources
from workers.runtime.work import Work

_TELLING = "connectors.kafka"


def ports(_resources: Resources, _work: Work) -> None:
    """There are no tasks here."""


def deliveries(resources: Resources) -> Mapping[str, Deliver]:
    """Who carries the outbox rows of which channel."""
    found: dict[str, Deliver] = {}
    if resources.settings.kafka.topic_out is not None:
        from workers.connectors.kafka.telling import CHANNEL as EVENTS  # noqa: PLC0415 - aiokafka is an extra
        from workers.connectors.kafka.telling import Telling  # noqa: PLC0415 - likewise

        found[EVENTS] = resources.cache.setdefault(_TELLING, Telling(resources.settings.kafka))
    if resources.settings.hubspot.access_token is None:
        return found
    hubspot = making.hubspot(resources, systems.crm(resources), seconds=making.DELIVERING_SECONDS)
    take = partial(_take, ttl_seconds=resources.settings.gateway.message_ttl_seconds)
    return found | {CHANNEL: ContactIntake(hubspot, resources.pool, take)}


async def prepare(_resources: Resources, _tasks: Collection[str]) -> None:
    """There are no tasks here."""


async def close(resources: Resources) -> None:
    """Close what is open."""
    if telling := resources.cache.pop(_TELLING, None):
        await telling.close()
    await making.close(resources)
    await systems.close(resources)


async def _take(connection: AsyncConnection[DictRow], lead: Mapping[str, Any], *, ttl_seconds: int) -> None:
    from workers.gateway import intake  # noqa: PLC0415 - FastAPI, which a dispatcher without HubSpot does without

    await intake.take(connection, [intake.fitting(lead)], ttl_seconds=ttl_seconds)
