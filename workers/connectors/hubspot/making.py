"""Settings → what speaks to HubSpot; one of each kind for a process."""

from __future__ import annotations

from dataclasses import replace

from workers.connectors.hubspot.client import HubSpotClient
from workers.connectors.hubspot.crm import HubSpot
from workers.connectors.hubspot.mapping import load
from workers.connectors.hubspot.pace import Pace
from workers.connectors.hubspot.people import Book, Owners
from workers.connectors.outbound import GuardedTransport
from workers.lead_routing.ports.crm import CrmResting
from workers.runtime.breaker import Breaker
from workers.runtime.outside import OutsideDatabase
from workers.runtime.resources import Resources
from workers.settings import HubSpot as HubSpotSettings

READING_SECONDS = 2.0
"""Of a request that a job waits for; the port's promise."""
DELIVERING_SECONDS = 10.0
"""Of a request of a delivery; it may need three."""

_MADE = "connectors.hubspot"


class NotConnected(Exception):
    """HubSpot is asked for, but no token is set: set FAIRLEAD_HUBSPOT__ACCESS_TOKEN (docs/connect-hubspot.md)."""


def client(settings: HubSpotSettings, pace: Pace, *, seconds: float) -> HubSpotClient:
    """A client of its own; the caller closes it.

    Raises:
        NotConnected: there is no token.
    """
    if settings.access_token is None:
        raise NotConnected(str(NotConnected.__doc__))
    transport = GuardedTransport(trusted_hosts=settings.trusted_hosts)
    return HubSpotClient(settings.base_url, settings.access_token.get_secret_value(), pace, transport, seconds=seconds)


def hubspot(resources: Resources, database: OutsideDatabase, *, seconds: float) -> HubSpot:
    """The process's way to HubSpot whose requests take `seconds` at most.

    Raises:
        NotConnected: there is no token.
        WrongMapping: the mapping can't be used.
    """
    made: dict[float, HubSpot] = resources.cache.setdefault(_MADE, {})
    if seconds not in made:
        settings = resources.settings.hubspot
        if other := next(iter(made.values()), None):  # limits, owners and the breaker are the account's
            made[seconds] = replace(other, client=client(settings, other.client.pace, seconds=seconds))
        else:
            book = Book(database)
            made[seconds] = HubSpot(
                client=client(settings, Pace(), seconds=seconds),
                mapping=load(settings.mapping),
                owners=Owners(book),
                book=book,
                breaker=Breaker("hubspot", down=CrmResting),
            )
    return made[seconds]


async def close(resources: Resources) -> None:
    """Close the connections; the second call does nothing."""
    for one in resources.cache.pop(_MADE, {}).values():
        await one.client.close()
