"""Which system stands behind the ports of planning, if it is not the built-in CRM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workers.connectors.accounts import Accounts, read
from workers.connectors.leads import System
from workers.connectors.making import DELIVERING_SECONDS
from workers.connectors.opportunities.ranking import RankingPublisher
from workers.connectors.opportunities.reading import Deals, OutsideOpportunities
from workers.connectors.opportunities.wins import OutsideWins, PostgresWins, Wins
from workers.connectors.publishing.ledger import Ledger
from workers.connectors.publishing.owners import AccountOwners
from workers.connectors.publishing.publisher import Publisher
from workers.connectors.publishing.quotas import QuotaRecords, QuotaValues
from workers.connectors.publishing.records import Records
from workers.office import systems
from workers.office.outside_targets import OutsideTarget
from workers.runtime.resources import Resources
from workers.settings_crms import CrmName

if TYPE_CHECKING:
    from workers.connectors.hubspot.crm import HubSpot
    from workers.connectors.salesforce.crm import Salesforce

OWNERS, QUOTAS, RANKING = "owners", "quotas", "ranking"
"""What is written into accounts, for people, and into opportunities, as the ledger calls it."""


def account_owners(resources: Resources) -> OutsideTarget:
    """The accounts of the system that stands behind territories.

    Raises:
        NotConnected: how to log in is not set.
        WrongMapping: the mapping can't be used.
    """
    name = resources.settings.crms.territories
    system: System[Any, Any]  # Any: whichever system it is
    records: Records
    if name == "hubspot":
        from workers.connectors.hubspot import publishing  # noqa: PLC0415 - only what is used is imported

        system = hubspot = _hubspot(resources)
        records = publishing.accounts(hubspot)
    else:
        from workers.connectors.salesforce import publishing as of_salesforce  # noqa: PLC0415 - likewise

        system = salesforce = _salesforce(resources)
        records = of_salesforce.accounts(salesforce)
    ledger, pool = Ledger(resources.pool, name, OWNERS), resources.pool
    return Publisher(system, records, ledger, pool, AccountOwners(system, records.title), place=f"{name} {OWNERS}")


def quotas(resources: Resources) -> OutsideTarget:
    """The quotas of the people of the system that stands behind quota approval.

    Raises:
        NotConnected, WrongMapping: as `account_owners`.
    """
    name = resources.settings.crms.quotas
    system: System[Any, Any]  # Any: whichever system it is
    records: QuotaRecords
    if name == "hubspot":
        from workers.connectors.hubspot import quotas as of_hubspot  # noqa: PLC0415 - see `account_owners`

        system = hubspot = _hubspot(resources)
        records = of_hubspot.HubSpotQuotas(hubspot)
    else:
        from workers.connectors.salesforce import quotas as of_salesforce  # noqa: PLC0415 - see `account_owners`

        system = salesforce = _salesforce(resources)
        records = of_salesforce.SalesforceQuotas(salesforce)
    ledger, pool = Ledger(resources.pool, name, QUOTAS), resources.pool
    values = QuotaValues(system, records, system.mapping.quota)
    return Publisher(system, records, ledger, pool, values, place=f"{name} {QUOTAS}")


async def accounts(resources: Resources, name: CrmName, *, everybody: bool) -> Accounts:
    """The accounts of a system, for planning; those that none of our reps owns only if `everybody`.

    Raises:
        NotConnected, WrongMapping: as `account_owners`.
        SystemDown, SystemPause, SystemRefused: it can't be asked.
    """
    if name == "hubspot":
        from workers.connectors.hubspot import publishing  # noqa: PLC0415 - only what is used is imported

        hubspot = _hubspot(resources)
        return await read(hubspot, publishing.all_accounts(hubspot), hubspot.mapping.territories, everybody=everybody)
    from workers.connectors.salesforce import publishing as of_salesforce  # noqa: PLC0415 - likewise

    salesforce = _salesforce(resources)
    found = of_salesforce.all_accounts(salesforce)
    return await read(salesforce, found, salesforce.mapping.territories, everybody=everybody)


def opportunities(resources: Resources) -> OutsideOpportunities:
    """The opportunities of the system that stands behind their ranking.

    Raises:
        NotConnected, WrongMapping: as `account_owners`.
    """
    system, deals, _ = _deals(resources, resources.settings.crms.opportunities)
    return OutsideOpportunities(system, deals)


def wins(resources: Resources) -> Wins:
    """The opportunities that are won in the CRM that stands behind their ranking.

    Raises:
        NotConnected, WrongMapping: as `account_owners`.
    """
    name = resources.settings.crms.opportunities
    if name == "postgresql":
        return PostgresWins(systems.crm(resources))
    system, deals, _ = _deals(resources, name)
    return OutsideWins(system, deals)


def ranking(resources: Resources) -> RankingPublisher:
    """The fields there that a ranking fills.

    Raises:
        NotConnected, WrongMapping: as `account_owners`.
    """
    name = resources.settings.crms.opportunities
    system, deals, records = _deals(resources, name)
    ledger, pool = Ledger(resources.pool, name, RANKING), resources.pool
    return RankingPublisher(system, records, ledger, pool, deals.mapping, place=f"{name} {RANKING}")


def _deals(resources: Resources, name: CrmName) -> tuple[System[Any, Any], Deals, Records]:
    if name == "hubspot":
        from workers.connectors.hubspot import opportunities as of_hubspot  # noqa: PLC0415 - only what is used is imported

        hubspot = _hubspot(resources)
        found = of_hubspot.HubSpotDeals(hubspot)
        return hubspot, found, of_hubspot.ranked(hubspot, found.mapping)
    from workers.connectors.salesforce import opportunities as of_salesforce  # noqa: PLC0415 - likewise

    salesforce = _salesforce(resources)
    deals = of_salesforce.SalesforceDeals(salesforce)
    return salesforce, deals, of_salesforce.ranked(salesforce, deals.mapping)


def _hubspot(resources: Resources) -> HubSpot:
    from workers.connectors.hubspot import making  # noqa: PLC0415 - see above

    return making.hubspot(resources, systems.crm(resources), seconds=DELIVERING_SECONDS)


def _salesforce(resources: Resources) -> Salesforce:
    from workers.connectors.salesforce import making  # noqa: PLC0415 - see above

    return making.salesforce(resources, systems.crm(resources), seconds=DELIVERING_SECONDS)
