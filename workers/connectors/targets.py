"""Which system stands behind the ports of planning, if it is not the built-in CRM."""

from __future__ import annotations

from workers.connectors.making import DELIVERING_SECONDS
from workers.connectors.publishing.ledger import Ledger
from workers.connectors.publishing.owners import AccountOwners
from workers.connectors.publishing.publisher import Publisher
from workers.connectors.publishing.records import Records
from workers.office import systems
from workers.office.outside_targets import OutsideTarget
from workers.runtime.resources import Resources

OWNERS = "owners"
"""What is written into accounts, as the ledger calls it."""


def account_owners(resources: Resources) -> OutsideTarget:
    """The accounts of the system that stands behind territories.

    Raises:
        NotConnected: how to log in is not set.
        WrongMapping: the mapping can't be used.
    """
    name, database = resources.settings.crms.territories, systems.crm(resources)
    records: Records
    if name == "hubspot":
        from workers.connectors.hubspot import making  # noqa: PLC0415 - only what is used is imported
        from workers.connectors.hubspot.publishing import HubSpotRecords  # noqa: PLC0415 - likewise

        hubspot = making.hubspot(resources, database, seconds=DELIVERING_SECONDS)
        key = hubspot.mapping.territories.account
        records = HubSpotRecords(hubspot, "companies", [hubspot.mapping.owner], key=key)
        translate = AccountOwners(hubspot, records.title)
        return Publisher(hubspot, records, _ledger(resources, name), resources.pool, translate, place=f"{name} {OWNERS}")
    from workers.connectors.salesforce import making as making_salesforce  # noqa: PLC0415 - likewise
    from workers.connectors.salesforce.publishing import SalesforceRecords  # noqa: PLC0415 - likewise

    salesforce = making_salesforce.salesforce(resources, database, seconds=DELIVERING_SECONDS)
    key = salesforce.mapping.territories.account
    records = SalesforceRecords(salesforce, "Account", [salesforce.mapping.owner], key=key, parent="ParentId")
    translate = AccountOwners(salesforce, records.title)
    return Publisher(salesforce, records, _ledger(resources, name), resources.pool, translate, place=f"{name} {OWNERS}")


def _ledger(resources: Resources, system: str) -> Ledger:
    return Ledger(resources.pool, system, OWNERS)
