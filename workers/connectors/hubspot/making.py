"""Settings → what speaks to HubSpot; one of each kind for a process."""

from __future__ import annotations

from workers.connectors import mapping
from workers.connectors.hubspot.client import HubSpotClient
from workers.connectors.hubspot.crm import HubSpot
from workers.connectors.hubspot.login import Login
from workers.connectors.hubspot.mapping import FieldMapping
from workers.connectors.hubspot.owners import Owners
from workers.connectors.hubspot.pace import Pace
from workers.connectors.making import shared
from workers.connectors.outbound import GuardedTransport
from workers.connectors.people import Book
from workers.lead_routing.ports.crm import CrmResting
from workers.runtime.breaker import Breaker
from workers.runtime.outside import OutsideDatabase
from workers.runtime.resources import Resources
from workers.settings import HubSpot as HubSpotSettings

SOURCE = "hubspot"
"""Of leads that were contacts."""


def client(settings: HubSpotSettings, login: Login, pace: Pace, *, seconds: float) -> HubSpotClient:
    """A client of its own; the caller closes it."""
    transport = GuardedTransport(trusted_hosts=settings.trusted_hosts)
    return HubSpotClient(settings.base_url, login, pace, transport, seconds=seconds)


def hubspot(resources: Resources, database: OutsideDatabase, *, seconds: float) -> HubSpot:
    """The process's way to HubSpot whose requests take `seconds` at most.

    Raises:
        NotConnected: it is not said how to log in.
        WrongMapping: the mapping can't be used.
    """
    settings = resources.settings.hubspot

    def first() -> HubSpot:
        book = Book(database, SOURCE)
        return HubSpot(
            client=client(settings, Login(settings), Pace(), seconds=seconds),
            mapping=mapping.load(FieldMapping, settings.mapping),
            owners=Owners(book),
            book=book,
            breaker=Breaker("hubspot", down=CrmResting),
        )

    def again(other: HubSpot) -> HubSpotClient:
        return client(settings, other.client.login, other.client.pace, seconds=seconds)

    return shared(resources, SOURCE, seconds, first, again)
