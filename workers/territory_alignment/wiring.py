"""Settings → adapters. Heavy things are made when first used and kept for the life of the process."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from workers.office import mail, systems
from workers.office.outside_targets import OutsideDelivery
from workers.runtime.housekeeping import ended
from workers.runtime.resources import Deliver, Resources
from workers.runtime.work import Work
from workers.territory_alignment.adapters.book import PostgresAlignmentBook
from workers.territory_alignment.adapters.data import PostgresDataDesk
from workers.territory_alignment.adapters.looks import PostgresLookDesk
from workers.territory_alignment.adapters.notices import PostgresNoticeDesk
from workers.territory_alignment.adapters.pictures import SignedPictureShelf
from workers.territory_alignment.adapters.plans import PostgresPlanDesk
from workers.territory_alignment.adapters.publication import PostgresPublicationDesk
from workers.territory_alignment.adapters.solver import ProcessSolver, warm
from workers.territory_alignment.adapters.targets import OwnerDelivery, RoutingDatabase, RoutingDelivery, owners_of
from workers.territory_alignment.ports import TerritoryAlignmentPorts
from workers.territory_alignment.ports.publication import CHANNELS

_ROUTING = "territory_alignment.routing"
_WARMING = "territory_alignment.warming"
_PLANNING = {"adjust_territories", "solve_territories"}


def ports(resources: Resources, work: Work) -> TerritoryAlignmentPorts:
    """What one job's task gets as its second argument."""
    return TerritoryAlignmentPorts(
        book=PostgresAlignmentBook(work),
        data=PostgresDataDesk(work),
        solver=ProcessSolver(work, resources.pool),
        plans=PostgresPlanDesk(work),
        looks=PostgresLookDesk(work),
        publication=PostgresPublicationDesk(work, resources.pool),
        notices=PostgresNoticeDesk(
            work, sales_ops=resources.settings.mail.sales_ops, camunda_url=resources.settings.camunda_url
        ),
        pictures=SignedPictureShelf(resources.settings, resources.clock),
        work=work,
        clock=resources.clock,
    )


def deliveries(resources: Resources) -> Mapping[str, Deliver]:
    """Who carries the outbox rows of which channel."""
    return {
        CHANNELS["crm"]: _owners(resources),
        CHANNELS["routing"]: RoutingDelivery(_routing(resources), "routing", resources.pool),
        **mail.deliveries(resources),
    }


async def prepare(resources: Resources, tasks: Collection[str]) -> None:
    """Where territories are planned, have the search's loops compiled beside the first jobs: it takes ten seconds and more
    on a machine that has not done it yet.
    """
    if _PLANNING & set(tasks):
        resources.cache[_WARMING] = asyncio.create_task(warm())


async def close(resources: Resources) -> None:
    """Close what this context keeps open; call it before the process ends."""
    warming = resources.cache.pop(_WARMING, None)
    if warming is not None:
        await ended([warming])
    database = resources.cache.pop(_ROUTING, None)
    if database is not None:
        await database.close()
    if resources.settings.crms.territories != "postgresql":
        from workers.connectors import making  # noqa: PLC0415 - see `_owners`

        await making.close(resources)
    await systems.close(resources)


def _owners(resources: Resources) -> Deliver:
    if resources.settings.crms.territories == "postgresql":
        return OwnerDelivery(systems.crm(resources), "crm", resources.pool)
    from workers.connectors import targets as connected  # noqa: PLC0415 - httpx and YAML, which the built-in CRM does without

    target = connected.account_owners(resources)
    return OutsideDelivery(target, resources.pool, owners_of, ours="territories", kind="territory")


def _routing(resources: Resources) -> RoutingDatabase:
    # Another area's tables: a pool of its own, so that jobs that hold a connection never wait for each other's.
    database: RoutingDatabase = resources.cache.setdefault(_ROUTING, RoutingDatabase(str(resources.pool.conninfo)))
    return database
