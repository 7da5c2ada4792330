"""Settings → adapters. Heavy things are made when first used and kept for the life of the process."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from workers.office import mail, systems
from workers.opportunity_prioritisation.adapters.book import PostgresPrioritisationBook
from workers.opportunity_prioritisation.adapters.crm import PostgresCrmOpportunities, RankingDelivery
from workers.opportunity_prioritisation.adapters.lists import PostgresListDesk
from workers.opportunity_prioritisation.adapters.models import PostgresWinModels
from workers.opportunity_prioritisation.adapters.outside import OutsideCrmOpportunities, OutsideRankingDelivery
from workers.opportunity_prioritisation.ports import PrioritisationPorts
from workers.opportunity_prioritisation.ports.crm import CHANNEL, CrmOpportunities
from workers.runtime.resources import Deliver, Resources
from workers.runtime.work import Work


def ports(resources: Resources, work: Work) -> PrioritisationPorts:
    """What one job's task gets as its second argument."""
    settings = resources.settings
    return PrioritisationPorts(
        book=PostgresPrioritisationBook(work),
        crm=_crm(resources, work),
        models=PostgresWinModels(work),
        lists=PostgresListDesk(work, sales_ops=settings.mail.sales_ops),
        tasks_link=f"{settings.camunda_url}/tasklist",
        work=work,
        clock=resources.clock,
    )


def deliveries(resources: Resources) -> Mapping[str, Deliver]:
    """Who carries the outbox rows of which channel."""
    return {CHANNEL: _rankings(resources), **mail.deliveries(resources)}


async def prepare(resources: Resources, tasks: Collection[str]) -> None:
    """Nothing is slow the first time."""


async def close(resources: Resources) -> None:
    """Close what this context keeps open; call it before the process ends."""
    if resources.settings.crms.opportunities != "postgresql":
        from workers.connectors import making  # noqa: PLC0415 - see `_crm`

        await making.close(resources)
    await systems.close(resources)


def _crm(resources: Resources, work: Work) -> CrmOpportunities:
    name = resources.settings.crms.opportunities
    if name == "postgresql":
        return PostgresCrmOpportunities(systems.crm(resources), work)
    from workers.connectors import targets  # noqa: PLC0415 - httpx and YAML, which the built-in CRM does without

    return OutsideCrmOpportunities(targets.opportunities(resources), work, name)


def _rankings(resources: Resources) -> Deliver:
    if resources.settings.crms.opportunities == "postgresql":
        return RankingDelivery(systems.crm(resources), resources.pool)
    from workers.connectors import targets  # noqa: PLC0415 - see `_crm`

    return OutsideRankingDelivery(targets.ranking(resources), resources.pool)
