"""What a dispatcher does for connectors that belong to no process: it takes the new leads of other systems and keeps known
ones equal with them, takes people over from a personnel system, and tells Kafka and webhooks what happened.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.connectors import targets
from workers.connectors.chat.sending import CHANNEL as CHAT
from workers.connectors.chat.sending import Posting
from workers.connectors.hubspot import making as making_hubspot
from workers.connectors.hubspot.contacts import ContactIntake
from workers.connectors.hubspot.events import CHANNEL
from workers.connectors.making import DELIVERING_SECONDS
from workers.connectors.making import close as close_systems
from workers.connectors.outgoing.sending import CHANNEL as WEBHOOKS
from workers.connectors.outgoing.sending import Sending
from workers.connectors.roster import making as making_roster
from workers.connectors.sap import making as making_sap
from workers.connectors.sap.ledger import CHANNEL as PARTNERS
from workers.connectors.sap.ledger import switch as switch_conversions
from workers.connectors.sap.order_ledger import CHANNEL as ORDERS
from workers.connectors.sap.wins import WinLook
from workers.connectors.sync import making as making_sync
from workers.connectors.sync.keeping import CHANNEL as CONFLICTS
from workers.connectors.sync.nightly import LOOK_SECONDS as NIGHT_LOOK_SECONDS
from workers.connectors.sync.nightly import Night
from workers.connectors.sync.patience import at_once
from workers.lead_routing.domain.regions import region_elsewhere
from workers.office import systems
from workers.runtime.resources import Deliver, Regular, Resources
from workers.runtime.work import Work

_TELLING = "connectors.kafka"
_SENDING = "connectors.outgoing"
_POSTING = "connectors.chat"

SWITCH_SECONDS = 600.0
"""Between looks at whether conversions are told as the settings say; a dispatcher that starts looks at once."""


def ports(_resources: Resources, _work: Work) -> None:
    """There are no tasks here."""


def deliveries(resources: Resources) -> Mapping[str, Deliver]:
    """Who carries the outbox rows of which channel."""
    if _SENDING not in resources.cache:
        resources.cache[_SENDING] = Sending(resources.settings, resources.pool)
        resources.cache[_POSTING] = Posting(resources.settings.chat)
    found: dict[str, Deliver] = {
        WEBHOOKS: resources.cache[_SENDING],
        CHAT: resources.cache[_POSTING],
        **making_roster.deliveries(resources),
    }
    settings = resources.settings
    if settings.kafka.topic_out is not None:
        from workers.connectors.kafka.telling import CHANNEL as EVENTS  # noqa: PLC0415 - aiokafka is an extra
        from workers.connectors.kafka.telling import Telling  # noqa: PLC0415 - likewise

        found[EVENTS] = resources.cache.setdefault(_TELLING, Telling(settings.kafka, settings.regions.here))
    if settings.sap.connected:
        found[PARTNERS] = making_sap.delivery(resources)
        if settings.sap.order_mapping is not None:
            found[ORDERS] = making_sap.order_delivery(resources, settings.sap.order_mapping)
    if settings.crm != "postgresql":
        found[CONFLICTS] = making_sync.follower(resources, settings.crm, ask=at_once)
    if not settings.hubspot.connected:
        return found
    hubspot = making_hubspot.hubspot(resources, systems.crm(resources), seconds=DELIVERING_SECONDS)
    follower = making_sync.follower(resources, "hubspot", ask=at_once)
    take = partial(_take_one, resources)
    return found | {CHANNEL: ContactIntake(hubspot, resources.pool, take, follower)}


def chores(resources: Resources) -> Sequence[Regular]:
    """What is looked for now and then."""
    found: list[Regular] = [*making_roster.chores(resources)]
    crm = resources.settings.crm
    if crm != "postgresql":
        found.append(Regular("comparison with the CRM", NIGHT_LOOK_SECONDS, Night(resources, crm).look))
    if resources.settings.sap.connected:
        found.append(Regular("conversions to SAP", SWITCH_SECONDS, partial(_switch, resources)))
        if resources.settings.sap.order_mapping is not None:
            of, seconds = resources.settings.crms.opportunities, resources.settings.sap.order_seconds
            look = WinLook(targets.wins(resources), resources.pool, of, seconds=seconds)
            found.append(Regular("wins to SAP", seconds, look.look))
    settings = resources.settings.salesforce
    if not (settings.connected and settings.take_leads):
        return found
    from workers.connectors.salesforce import intake, making  # noqa: PLC0415 - cryptography, for who is connected alone

    salesforce = making.salesforce(resources, systems.crm(resources), seconds=DELIVERING_SECONDS)
    seconds, take = settings.poll_seconds, partial(_take, resources)
    follower = making_sync.follower(resources, "salesforce", ask=at_once)
    leads = intake.LeadIntake(salesforce, resources.pool, take, follower, poll_seconds=seconds)
    if settings.changes == "polling":
        return [Regular("salesforce leads", seconds, leads.look), *found]
    from workers.connectors.salesforce import listening  # noqa: PLC0415 - fastavro is an extra

    bus, places = making.bus(settings, salesforce.client), salesforce.mapping
    listener = listening.Listener(bus, leads, places, resources.pool, topic=settings.topic, poll_seconds=seconds)
    return [Regular("salesforce events", seconds, listener.listen), *found]


async def prepare(_resources: Resources, _tasks: Collection[str]) -> None:
    """There are no tasks here."""


async def close(resources: Resources) -> None:
    """Close what is open."""
    for telling in (resources.cache.pop(name, None) for name in (_TELLING, _SENDING, _POSTING)):
        if telling is not None:
            await telling.close()
    await making_sap.close(resources)
    await close_systems(resources)
    await systems.close(resources)


async def _switch(resources: Resources) -> int:
    async with resources.pool.connection() as connection:
        return await switch_conversions(connection, on=resources.settings.sap.conversions)


async def _take_one(resources: Resources, connection: AsyncConnection[DictRow], lead: Mapping[str, Any]) -> None:
    await _take(resources, connection, [lead])


async def _take(resources: Resources, connection: AsyncConnection[DictRow], leads: Sequence[Mapping[str, Any]]) -> int:
    """Those that are ours; the other regions, which look into the same CRM, take theirs."""
    from workers.gateway import intake  # noqa: PLC0415 - FastAPI, which a dispatcher that takes none does without

    elsewhere = resources.settings.regions.elsewhere
    fitting = [intake.fitting(lead) for lead in leads if region_elsewhere(lead, elsewhere) is None]
    taken = await intake.take(connection, fitting, ttl_seconds=resources.settings.gateway.message_ttl_seconds)
    return sum(not one.duplicate for one in taken)
