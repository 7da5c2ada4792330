"""Settings → adapters. Heavy things are made when first used and kept for the life of the process."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pydantic import SecretStr

from workers.forecast_review.adapters.book import PostgresReviewBook
from workers.forecast_review.adapters.history import ERP_SECONDS, ErpDatabase, PostgresHistoryDesk
from workers.forecast_review.adapters.judging import PostgresJudgingDesk
from workers.forecast_review.adapters.needs import PostgresNeedDesk
from workers.forecast_review.adapters.notices import PostgresNoticeDesk
from workers.forecast_review.adapters.pictures import PostgresPictureShelf
from workers.forecast_review.adapters.publication import PostgresPublicationDesk
from workers.forecast_review.adapters.reviews import PostgresReviewDesk
from workers.forecast_review.adapters.runs import ProcessForecaster
from workers.forecast_review.adapters.targets import CrmDatabase, ForecastDelivery
from workers.forecast_review.ports import ForecastReviewPorts
from workers.forecast_review.ports.publication import CHANNELS
from workers.office import mail
from workers.runtime.resources import Deliver, Resources
from workers.runtime.work import Work

_CRM = "forecast_review.crm"
_ERP = "forecast_review.erp"


def ports(resources: Resources, work: Work) -> ForecastReviewPorts:
    """What one job's task gets as its second argument."""
    return ForecastReviewPorts(
        book=PostgresReviewBook(work),
        history=PostgresHistoryDesk(work, _erp(resources)),
        forecaster=ProcessForecaster(work, resources.pool),
        needs=PostgresNeedDesk(work, resources.pool),
        reviews=PostgresReviewDesk(work),
        notices=PostgresNoticeDesk(
            work, sales_ops=resources.settings.mail.sales_ops, camunda_url=resources.settings.camunda_url
        ),
        publication=PostgresPublicationDesk(work, resources.pool),
        pictures=PostgresPictureShelf(work, resources.settings, resources.clock),
        judging=PostgresJudgingDesk(work, _erp(resources)),
        work=work,
        clock=resources.clock,
    )


def deliveries(resources: Resources) -> Mapping[str, Deliver]:
    """Who carries the outbox rows of which channel."""
    return {
        CHANNELS["crm"]: ForecastDelivery(_crm(resources), "crm", resources.pool),
        CHANNELS["erp"]: ForecastDelivery(_erp(resources), "erp", resources.pool),
        **mail.deliveries(resources),
    }


async def prepare(resources: Resources, tasks: Collection[str]) -> None:
    """Nothing is slow the first time."""


async def close(resources: Resources) -> None:
    """Close what this context keeps open; call it before the process ends."""
    for name in (_CRM, _ERP):
        database = resources.cache.pop(name, None)
        if database is not None:
            await database.close()


# The CRM and the ERP are other systems: a pool of its own for each, so that jobs that hold a connection never wait for
# each other's.


def _crm(resources: Resources) -> CrmDatabase:
    conninfo = _conninfo(resources, resources.settings.crm_database_url)
    database: CrmDatabase = resources.cache.setdefault(_CRM, CrmDatabase(conninfo))
    return database


def _erp(resources: Resources) -> ErpDatabase:
    conninfo = _conninfo(resources, resources.settings.erp_database_url)
    database: ErpDatabase = resources.cache.setdefault(_ERP, ErpDatabase(conninfo, timeout=ERP_SECONDS))
    return database


def _conninfo(resources: Resources, apart: SecretStr | None) -> str:
    return str(resources.pool.conninfo) if apart is None else apart.get_secret_value()
