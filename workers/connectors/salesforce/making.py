"""Settings → what speaks to Salesforce; one of each kind for a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.connectors import mapping
from workers.connectors.making import NotConnected, shared
from workers.connectors.outbound import GuardedTransport
from workers.connectors.people import Book
from workers.connectors.salesforce.bulk import BULK_SECONDS, Bulk
from workers.connectors.salesforce.client import SalesforceClient
from workers.connectors.salesforce.crm import Salesforce
from workers.connectors.salesforce.login import Login
from workers.connectors.salesforce.mapping import FieldMapping
from workers.connectors.salesforce.owners import Owners
from workers.connectors.salesforce.pace import Pace
from workers.connectors.salesforce.side import SOURCE, Jobs
from workers.lead_routing.ports.crm import CrmResting
from workers.runtime.breaker import Breaker
from workers.runtime.outside import OutsideDatabase
from workers.runtime.resources import Resources
from workers.settings import Salesforce as SalesforceSettings

if TYPE_CHECKING:
    from workers.connectors.salesforce.pubsub import PubSub


def client(settings: SalesforceSettings, login: Login, pace: Pace, *, seconds: float) -> SalesforceClient:
    """A client of its own; the caller closes it.

    Raises:
        NotConnected: there is no address.
    """
    if settings.base_url is None:
        raise NotConnected("No address is set: set FAIRLEAD_SALESFORCE__BASE_URL (docs/connect-salesforce.md).")
    transport = GuardedTransport(trusted_hosts=settings.trusted_hosts)
    return SalesforceClient(settings.base_url, login, pace, transport, seconds=seconds)


def bus(settings: SalesforceSettings, client: SalesforceClient) -> PubSub:
    """The organisation's event bus; the caller closes it. Needs the packages of the extra `events`."""
    from workers.connectors.salesforce.pubsub import PubSub  # noqa: PLC0415 - gRPC, for who listens alone

    return PubSub(settings.pubsub_address, client, trusted_hosts=settings.trusted_hosts)


def salesforce(resources: Resources, database: OutsideDatabase, *, seconds: float) -> Salesforce:
    """The process's way to Salesforce whose requests take `seconds` at most.

    Raises:
        NotConnected: it is not said how to log in.
        WrongMapping: the mapping can't be used.
    """
    settings = resources.settings.salesforce

    def first() -> Salesforce:
        book, fields = Book(database, SOURCE), mapping.load(FieldMapping, settings.mapping)
        return Salesforce(
            client=client(settings, Login(settings), Pace(), seconds=seconds),
            mapping=fields,
            owners=Owners(book, fields.queue),
            book=book,
            breaker=Breaker("salesforce", down=CrmResting),
        )

    def again(other: Salesforce) -> SalesforceClient:
        return client(settings, other.client.login, other.client.pace, seconds=seconds)

    return shared(resources, SOURCE, seconds, first, again)


def jobs(resources: Resources, database: OutsideDatabase) -> Jobs | None:
    """How very many records are read and written at once; None: never by Bulk API 2.0.

    Raises:
        NotConnected, WrongMapping: as `salesforce`.
    """
    most = resources.settings.salesforce.bulk_records
    return None if most is None else Jobs(Bulk(salesforce(resources, database, seconds=BULK_SECONDS).client), most)
