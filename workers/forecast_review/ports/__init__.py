"""What forecast review needs from outside. Each port has its adapter in the module of the same name in `adapters`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from workers.forecast_review.ports.book import ReviewBook
from workers.forecast_review.ports.history import HistoryDesk
from workers.forecast_review.ports.judging import JudgingDesk
from workers.forecast_review.ports.needs import NeedDesk
from workers.forecast_review.ports.notices import NoticeDesk
from workers.forecast_review.ports.pictures import PictureShelf
from workers.forecast_review.ports.publication import PublicationDesk
from workers.forecast_review.ports.reviews import ReviewDesk
from workers.forecast_review.ports.runs import Forecaster
from workers.runtime.work import Work


@dataclass(frozen=True, slots=True)
class ForecastReviewPorts:
    """What every task of this context gets as its second argument."""

    book: ReviewBook
    history: HistoryDesk
    forecaster: Forecaster
    needs: NeedDesk
    reviews: ReviewDesk
    notices: NoticeDesk
    publication: PublicationDesk
    pictures: PictureShelf
    judging: JudgingDesk
    work: Work
    clock: Callable[[], datetime]
    """Now, in UTC."""
