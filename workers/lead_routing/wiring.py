"""Settings → adapters. Heavy things are made when first used and kept for the life of the process."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from functools import partial

from workers.lead_routing.adapters.crm import CrmDatabase, CrmDelivery, PostgresCrm, pending_changes
from workers.lead_routing.adapters.leads import PostgresLeadBook
from workers.lead_routing.adapters.mail import PostgresMailDesk
from workers.lead_routing.adapters.reps import PostgresRepDesk
from workers.lead_routing.adapters.scorer import ModelShelf, StoredScorer
from workers.lead_routing.adapters.upkeep import PostgresScorerUpkeep
from workers.lead_routing.ports import LeadRoutingPorts
from workers.lead_routing.ports import crm as crm_port
from workers.lead_routing.ports.scorer import ScorerUnavailable
from workers.office import mail
from workers.runtime.resources import Deliver, Resources
from workers.runtime.work import Work

_CRM = "lead_routing.crm"
_MODELS = "lead_routing.models"


def ports(resources: Resources, work: Work) -> LeadRoutingPorts:
    """What one job's task gets as its second argument."""
    settings = resources.settings
    return LeadRoutingPorts(
        leads=PostgresLeadBook(work, window=timedelta(days=settings.duplicate_days)),
        crm=_crm_port(resources, work),
        reps=PostgresRepDesk(work, country=settings.sales_calendar, timezone=settings.sales_timezone),
        scorer=StoredScorer(
            _models(resources), work, schema=settings.scoring_schema, by_source=settings.scoring_schema_by_source
        ),
        mail=PostgresMailDesk(work, sales_ops=settings.mail.sales_ops, gateway_url=settings.gateway_url),
        upkeep=PostgresScorerUpkeep(
            work,
            schema=settings.scoring_schema,
            by_source=settings.scoring_schema_by_source,
            review_link=f"{settings.camunda_url}/tasklist",
        ),
        work=work,
        clock=resources.clock,
    )


def deliveries(resources: Resources) -> Mapping[str, Deliver]:
    """Who carries the outbox rows of which channel."""
    return {
        crm_port.CHANNEL: _crm_delivery(resources),
        **mail.deliveries(resources),
    }


async def prepare(resources: Resources, tasks: Collection[str]) -> None:
    """Read the models in use, where leads are scored: the library and the first model take a second or two."""
    if "score_lead" not in tasks:
        return
    settings = resources.settings
    for schema in sorted({settings.scoring_schema, *settings.scoring_schema_by_source.values()}):
        async with resources.pool.connection() as connection:
            try:
                await _models(resources).active(connection, schema)
            except ScorerUnavailable:  # each job says so, and takes the table; it looks again, as one may come soon
                _models(resources).forget(schema)


async def close(resources: Resources) -> None:
    """Close what this context keeps open; call it before the process ends."""
    database = resources.cache.pop(_CRM, None)
    if database is not None:
        await database.close()
    if resources.settings.crm != "postgresql":
        from workers.connectors import making  # noqa: PLC0415 - see `_crm_port`

        await making.close(resources)


def _crm_port(resources: Resources, work: Work) -> crm_port.Crm:
    if resources.settings.crm == "postgresql":
        return PostgresCrm(_crm(resources), work)
    from workers.connectors import crms  # noqa: PLC0415 - httpx and YAML, which the built-in CRM does without

    return crms.reading(resources, _crm(resources), partial(pending_changes, work))


def _crm_delivery(resources: Resources) -> Deliver:
    if resources.settings.crm == "postgresql":
        return CrmDelivery(_crm(resources))
    from workers.connectors import crms  # noqa: PLC0415 - see `_crm_port`

    return crms.delivery(resources, _crm(resources))


def _crm(resources: Resources) -> CrmDatabase:
    # The CRM is another system: a pool of its own, so that jobs that hold a connection never wait for each other's.
    apart = resources.settings.crm_database_url
    conninfo = str(resources.pool.conninfo) if apart is None else apart.get_secret_value()
    database: CrmDatabase = resources.cache.setdefault(_CRM, CrmDatabase(conninfo))
    return database


def _models(resources: Resources) -> ModelShelf:
    shelf: ModelShelf = resources.cache.setdefault(_MODELS, ModelShelf())
    return shelf
