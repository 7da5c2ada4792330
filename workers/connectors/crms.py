"""Which system stands behind lead routing's port, if it is not the built-in CRM."""

from __future__ import annotations

from functools import partial
from typing import Any

from workers.connectors.leads import LeadDelivery, Pending, System
from workers.connectors.making import DELIVERING_SECONDS, READING_SECONDS
from workers.connectors.sync import ledger
from workers.lead_routing.ports.crm import Crm
from workers.runtime.outbox import Deliver
from workers.runtime.outside import OutsideDatabase
from workers.runtime.resources import Resources


def reading(resources: Resources, database: OutsideDatabase, pending: Pending) -> Crm:
    """What a job asks; `database` has our own reps and leads.

    Raises:
        NotConnected: how to log in is not set.
        WrongMapping: the mapping can't be used.
    """
    if resources.settings.crm == "hubspot":
        from workers.connectors.hubspot import crm, making  # noqa: PLC0415 - only what is used is imported

        return crm.HubSpotCrm(making.hubspot(resources, database, seconds=READING_SECONDS), pending)
    from workers.connectors.salesforce import crm as salesforce  # noqa: PLC0415 - likewise
    from workers.connectors.salesforce import making as making_salesforce  # noqa: PLC0415 - likewise

    return salesforce.SalesforceCrm(making_salesforce.salesforce(resources, database, seconds=READING_SECONDS), pending)


def system(resources: Resources, database: OutsideDatabase) -> System[Any, Any]:
    """What changes are carried to, as patiently as a delivery; the same for a process.

    Raises:
        NotConnected: how to log in is not set.
        WrongMapping: the mapping can't be used.
    """
    if resources.settings.crm == "hubspot":
        from workers.connectors.hubspot import making  # noqa: PLC0415 - see `reading`

        return making.hubspot(resources, database, seconds=DELIVERING_SECONDS)
    from workers.connectors.salesforce import making as making_salesforce  # noqa: PLC0415 - see `reading`

    return making_salesforce.salesforce(resources, database, seconds=DELIVERING_SECONDS)


def delivery(resources: Resources, database: OutsideDatabase) -> Deliver:
    """Who carries lead routing's changes.

    Raises:
        NotConnected: how to log in is not set.
        WrongMapping: the mapping can't be used.
    """
    crm = system(resources, database)
    return LeadDelivery(crm, partial(ledger.delivered, resources.pool, resources.settings.crm, crm.mapping))
