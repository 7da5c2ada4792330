"""Settings → what speaks to Workday."""

from __future__ import annotations

from workers.connectors import mapping
from workers.connectors.outbound import GuardedTransport
from workers.connectors.workday.client import WorkdayClient
from workers.connectors.workday.login import Login
from workers.connectors.workday.mapping import FieldMapping
from workers.connectors.workday.reading import WorkdayPeople
from workers.settings import Workday

SYSTEM = "workday"
"""Under which people, runs and absences that came from it are known."""


def client(settings: Workday) -> WorkdayClient:
    """A client; the caller closes it.

    Raises:
        NotConnected: it is not said how to log in.
    """
    login = Login(settings)
    return WorkdayClient(
        str(settings.base_url),
        str(settings.tenant),
        login,
        GuardedTransport(trusted_hosts=settings.trusted_hosts),
        seconds=settings.seconds,
        most_bytes=settings.max_bytes,
    )


def people(settings: Workday, reports: WorkdayClient) -> WorkdayPeople:
    """Who is there and who is away, by the reports of the settings.

    Raises:
        WrongMapping: the mapping can't be used.
    """
    return WorkdayPeople(reports, mapping.load(FieldMapping, settings.mapping), settings)
