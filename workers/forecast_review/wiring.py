"""Settings → adapters. Heavy things are made when first used and kept for the life of the process."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from workers.forecast_review.adapters.book import PostgresReviewBook
from workers.forecast_review.adapters.history import PostgresHistoryDesk
from workers.forecast_review.adapters.judging import PostgresJudgingDesk
from workers.forecast_review.adapters.needs import PostgresNeedDesk
from workers.forecast_review.adapters.notices import PostgresNoticeDesk
from workers.forecast_review.adapters.pictures import PostgresPictureShelf
from workers.forecast_review.adapters.publication import PostgresPublicationDesk
from workers.forecast_review.adapters.reviews import PostgresReviewDesk
from workers.forecast_review.adapters.runs import ProcessForecaster
from workers.forecast_review.adapters.targets import ForecastDelivery
from workers.forecast_review.ports import ForecastReviewPorts
from workers.forecast_review.ports.publication import CHANNELS
from workers.office import mail, systems
from workers.runtime.resources import Deliver, Resources
from workers.runtime.work import Work


def ports(resources: Resources, work: Work) -> ForecastReviewPorts:
    """What one job's task gets as its second argument."""
    return ForecastReviewPorts(
        book=PostgresReviewBook(work),
        history=PostgresHistoryDesk(work, systems.erp(resources)),
        forecaster=ProcessForecaster(work, resources.pool),
        needs=PostgresNeedDesk(work, resources.pool),
        reviews=PostgresReviewDesk(work),
        notices=PostgresNoticeDesk(
            work, sales_ops=resources.settings.mail.sales_ops, camunda_url=resources.settings.camunda_url
        ),
        publication=PostgresPublicationDesk(work, resources.pool),
        pictures=PostgresPictureShelf(work, resources.settings, resources.clock),
        judging=PostgresJudgingDesk(work, systems.erp(resources)),
        work=work,
        clock=resources.clock,
    )


def deliveries(resources: Resources) -> Mapping[str, Deliver]:
    """Who carries the outbox rows of which channel."""
    return {
        CHANNELS["crm"]: ForecastDelivery(systems.crm(resources), "crm", resources.pool),
        CHANNELS["erp"]: ForecastDelivery(systems.erp(resources), "erp", resources.pool),
        **mail.deliveries(resources),
    }


async def prepare(resources: Resources, tasks: Collection[str]) -> None:
    """Nothing is slow the first time."""


async def close(resources: Resources) -> None:
    """Close what this context keeps open; call it before the process ends."""
    await systems.close(resources)
