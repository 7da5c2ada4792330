"""What a dispatcher delivers for connectors that belong to no process: so far, contacts of HubSpot that become leads."""

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


def ports(_resources: Resources, _work: Work) -> None:
    """There are no tasks here."""


def deliveries(resources: Resources) -> Mapping[str, Deliver]:
    """Who carries the outbox rows of which channel."""
    if resources.settings.hubspot.access_token is None:
        return {}
    hubspot = making.hubspot(resources, systems.crm(resources), seconds=making.DELIVERING_SECONDS)
    take = partial(_take, ttl_seconds=resources.settings.gateway.message_ttl_seconds)
    return {CHANNEL: ContactIntake(hubspot, resources.pool, take)}


async def prepare(_resources: Resources, _tasks: Collection[str]) -> None:
    """There are no tasks here."""


async def close(resources: Resources) -> None:
    """Close what is open."""
    await making.close(resources)
    await systems.close(resources)


async def _take(connection: AsyncConnection[DictRow], lead: Mapping[str, Any], *, ttl_seconds: int) -> None:
    from workers.gateway import intake  # noqa: PLC0415 - FastAPI, which a dispatcher without HubSpot does without

    await intake.take(connection, [intake.fitting(lead)], ttl_seconds=ttl_seconds)
