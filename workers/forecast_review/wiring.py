"""Settings → adapters. Heavy things are made when first used and kept for the life of the process."""

from __future__ import annotations

from collections.abc import Mapping

from workers.forecast_review.adapters.book import PostgresReviewBook
from workers.forecast_review.adapters.history import ErpDatabase, PostgresHistoryDesk
from workers.forecast_review.adapters.needs import PostgresNeedDesk
from workers.forecast_review.adapters.runs import ProcessForecaster
from workers.forecast_review.ports import ForecastReviewPorts
from workers.runtime.resources import Deliver, Resources
from workers.runtime.work import Work

_ERP = "forecast_review.erp"


def ports(resources: Resources, work: Work) -> ForecastReviewPorts:
    """What one job's task gets as its second argument."""
    return ForecastReviewPorts(
        book=PostgresReviewBook(work),
        history=PostgresHistoryDesk(work, _erp(resources)),
        forecaster=ProcessForecaster(work, resources.pool),
        needs=PostgresNeedDesk(work, resources.pool),
        work=work,
        clock=resources.clock,
    )


def deliveries(resources: Resources) -> Mapping[str, Deliver]:
    """Who carries the outbox rows of which channel."""
    return {}


async def close(resources: Resources) -> None:
    """Close what this context keeps open; call it before the process ends."""
    database = resources.cache.pop(_ERP, None)
    if database is not None:
        await database.close()


def _erp(resources: Resources) -> ErpDatabase:
    # The ERP is another system: a pool of its own, so that jobs that hold a connection never wait for each other's.
    apart = resources.settings.erp_database_url
    conninfo = str(resources.pool.conninfo) if apart is None else apart.get_secret_value()
    database: ErpDatabase = resources.cache.setdefault(_ERP, ErpDatabase(conninfo))
    return database
