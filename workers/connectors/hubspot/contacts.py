"""New contacts of HubSpot become leads, and changes of known ones are followed. The webhook said only that something
happened; here the contact is read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.connectors.hubspot.crm import HubSpot
from workers.connectors.hubspot.making import SOURCE
from workers.connectors.sync import ledger
from workers.connectors.sync.following import Follower
from workers.lead_routing.ports.crm import CrmDown
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError
from workers.runtime.outbox import OutboxRow

log = structlog.get_logger()

SETTLE_SECONDS = 60.0
"""So long after the event a contact that can't be read may still be on its way to HubSpot's other servers."""

Take = Callable[[AsyncConnection[DictRow], Mapping[str, Any]], Awaitable[None]]  # Any: JSON
"""Takes a lead in the connection's transaction; the same source and external id is the same lead."""


class ContactIntake:
    """Delivers rows of channel ``hubspot.contact``."""

    def __init__(self, hubspot: HubSpot, pool: Pool, take: Take, follower: Follower) -> None:
        self._hubspot = hubspot
        self._pool = pool
        self._take = take
        self._follower = follower

    async def __call__(self, row: OutboxRow) -> None:
        """Read a contact and start its lead, unless it is one that Fairlead made itself; or follow what changed, also
        how its lead ended.

        Raises:
            CrmDown: HubSpot gave no usable answer, or a pause is asked for (`CrmResting`); or changes of ours are on their
                way to the contact.
            PermanentError: HubSpot refuses, or the payload is not ours.
        """
        contact_id = row.payload.get("contact_id")
        if not isinstance(contact_id, str):
            raise PermanentError("This row names no contact of HubSpot; drop it, or correct its payload.")
        if row.payload.get("changed") is True:
            await self._changed(contact_id)
            return
        mapping = self._hubspot.mapping
        async with self._hubspot.asked() as client:
            contact = await client.get("contacts", contact_id, mapping.of_lead())
            owner = await self._hubspot.owner(contact)
        if contact is None:
            if row.age_seconds < SETTLE_SECONDS:
                raise CrmDown("HubSpot does not know the contact yet; it is asked again.")
            log.info("contact is gone", action="hubspot_contact_gone", contact=contact_id)
            return
        if contact.get(mapping.keeps.lead_id) is not None:
            log.info("contact is our own", action="hubspot_echo", contact=contact_id)
            return
        lead = {"source": SOURCE, "external_id": contact.id, "channel": "crm", **mapping.lead_of(contact)}
        async with self._pool.connection() as connection:
            await self._take(connection, lead)
            await ledger.met(connection, SOURCE, mapping, {contact.id: (contact, owner)})

    async def _changed(self, contact_id: str) -> None:
        async with self._hubspot.asked():
            kept = await self._follower.follow([contact_id])
        if kept.unsettled:
            raise CrmDown("The contact is being changed, by us or by people; it is looked at again.")
