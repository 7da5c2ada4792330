"""Settings → what speaks to HubSpot; one of each kind for a process."""

from __future__ import annotations

from workers.connectors import mapping
from workers.connectors.hubspot.client import HubSpotClient
from workers.connectors.hubspot.crm import HubSpot
from workers.connectors.hubspot.mapping import FieldMapping
from workers.connectors.hubspot.owners import Owners
from workers.connectors.hubspot.pace import Pace
from workers.connectors.making import NotConnected, shared
from workers.connectors.outbound import GuardedTransport
from workers.connectors.people import Book
from workers.lead_routing.ports.crm import CrmResting
from workers.runtime.breaker import Breaker
from workers.runtime.outside import OutsideDatabase
from workers.runtime.resources import Resources
from workers.settings import HubSpot as HubSpotSettings

SOURCE = "hubspot"
"""Of leads that were contacts."""


def client(settings: HubSpotSettings, pace: Pace, *, seconds: float) -> HubSpotClient:
    """A client of its own; the caller closes it.

    Raises:
        NotConnected: there is no token.
    """
    if settings.access_token is None:
        raise NotConnected("No token is set: set FAIRLEAD_HUBSPOT__ACCESS_TOKEN (docs/connect-hubspot.md).")
    transport = GuardedTransport(trusted_hosts=settings.trusted_hosts)
    return HubSpotClient(settings.base_url, settings.access_token.get_secret_value(), pace, transport, seconds=seconds)


def hubspot(resources: Resources, database: OutsideDatabase, *, seconds: float) -> HubSpot:
    """The process's way to HubSpot whose requests take `seconds` at most.

    Raises:
        NotConnected: there is no token.
        WrongMapping: the mapping can't be used.
    """
    settings = resources.settings.hubspot

    def first() -> HubSpot:
        book = Book(database, SOURCE)
        return HubSpot(
            client=client(settings, Pace(), seconds=seconds),
            mapping=mapping.load(FieldMapping, settings.mapping),
            owners=Owners(book),
            book=book,
            breaker=Breaker("hubspot", down=CrmResting),
        )

    return shared(resources, SOURCE, seconds, first, lambda other: client(settings, other.client.pace, seconds=seconds))
