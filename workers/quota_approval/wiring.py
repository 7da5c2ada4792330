"""Settings → adapters. Heavy things are made when first used and kept for the life of the process."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from workers.engine.rest import CamundaRest
from workers.office import links, mail, systems
from workers.office.outside_targets import OutsideDelivery
from workers.quota_approval.adapters.book import PostgresQuotaBook
from workers.quota_approval.adapters.cases import PostgresCaseDesk
from workers.quota_approval.adapters.done_tasks import CamundaDoneTasks
from workers.quota_approval.adapters.inputs import PostgresInputDesk
from workers.quota_approval.adapters.planning import ProcessPlanner
from workers.quota_approval.adapters.publication import PostgresPublicationDesk
from workers.quota_approval.adapters.targets import QuotaDelivery, quotas_of
from workers.quota_approval.adapters.upkeep import PostgresUpkeepDesk
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.quota_approval.ports.publication import CHANNELS
from workers.runtime.resources import Deliver, Resources
from workers.runtime.work import Work

_CAMUNDA = "quota_approval.camunda"


def ports(resources: Resources, work: Work) -> QuotaApprovalPorts:
    """What one job's task gets as its second argument."""
    settings = resources.settings
    book, inputs = PostgresQuotaBook(work, sales_ops=settings.mail.sales_ops), PostgresInputDesk(work)
    return QuotaApprovalPorts(
        book=book,
        inputs=inputs,
        planner=ProcessPlanner(work),
        cases=PostgresCaseDesk(work, resources.pool, links.secret_of(settings)),
        done=CamundaDoneTasks(_camunda(resources)),
        publication=PostgresPublicationDesk(work, resources.pool, settings),
        upkeep=PostgresUpkeepDesk(work, book, inputs),
        tasks=f"{settings.camunda_url}/tasklist",
        work=work,
        clock=resources.clock,
    )


def deliveries(resources: Resources) -> Mapping[str, Deliver]:
    """Who carries the outbox rows of which channel."""
    return {
        CHANNELS["crm"]: _quotas(resources),
        CHANNELS["erp"]: QuotaDelivery(systems.erp(resources), "erp", resources.pool),
        **mail.deliveries(resources),
    }


async def prepare(resources: Resources, tasks: Collection[str]) -> None:
    """Nothing is slow the first time."""


async def close(resources: Resources) -> None:
    """Close what this context keeps open; call it before the process ends."""
    camunda = resources.cache.pop(_CAMUNDA, None)
    if camunda is not None:
        await camunda.__aexit__(None, None, None)
    if resources.settings.crms.quotas != "postgresql":
        from workers.connectors import making  # noqa: PLC0415 - see `_quotas`

        await making.close(resources)
    await systems.close(resources)


def _quotas(resources: Resources) -> Deliver:
    if resources.settings.crms.quotas == "postgresql":
        return QuotaDelivery(systems.crm(resources), "crm", resources.pool)
    from workers.connectors import targets as connected  # noqa: PLC0415 - httpx and YAML, which the built-in CRM does without

    return OutsideDelivery(connected.quotas(resources), resources.pool, quotas_of, ours="quotas", kind="quota")


def _camunda(resources: Resources) -> CamundaRest:
    if _CAMUNDA not in resources.cache:
        resources.cache[_CAMUNDA] = CamundaRest(resources.settings)
    camunda: CamundaRest = resources.cache[_CAMUNDA]
    return camunda
