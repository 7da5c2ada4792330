"""Settings → adapters. Heavy things are made when first used and kept for the life of the process."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from workers.follow_up.adapters.book import PostgresFollowUpBook
from workers.follow_up.adapters.crm import ActivityDelivery, Contacted, OutboxCrmActivities
from workers.follow_up.ports import FollowUpPorts
from workers.follow_up.ports.crm import CHANNEL
from workers.office import mail, systems
from workers.runtime.resources import Deliver, Resources
from workers.runtime.work import Work


def ports(resources: Resources, work: Work) -> FollowUpPorts:
    """What one job's task gets as its second argument."""
    settings = resources.settings
    return FollowUpPorts(
        book=PostgresFollowUpBook(work, systems.crm(resources), sales_ops=settings.mail.sales_ops),
        crm=OutboxCrmActivities(work),
        tasks_link=f"{settings.camunda_url}/tasklist",
        work=work,
        clock=resources.clock,
    )


def deliveries(resources: Resources) -> Mapping[str, Deliver]:
    """Who carries the outbox rows of which channel."""
    return {CHANNEL: ActivityDelivery(systems.crm(resources), _contacted(resources)), **mail.deliveries(resources)}


async def prepare(resources: Resources, tasks: Collection[str]) -> None:
    """Nothing is slow the first time."""


async def close(resources: Resources) -> None:
    """Close what this context keeps open; call it before the process ends."""
    if resources.settings.crms.opportunities != "postgresql":
        from workers.connectors import making  # noqa: PLC0415 - see `_contacted`

        await making.close(resources)
    await systems.close(resources)


def _contacted(resources: Resources) -> Contacted | None:
    if resources.settings.crms.opportunities == "postgresql":
        return None
    from workers.connectors import targets  # noqa: PLC0415 - httpx and YAML, which the built-in CRM does without

    return targets.ranking(resources).contacted
