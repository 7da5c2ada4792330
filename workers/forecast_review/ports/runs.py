"""The forecaster: fits models to a collection and keeps the version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Protocol

from workers.forecast_review.domain.run import Run
from workers.runtime.errors import BusinessError


class ForecastImpossible(BusinessError):
    """No forecast can be made from this history; a person decides. Brings ``history_why``."""

    code: ClassVar[str] = "forecast_impossible"


class Forecaster(Protocol):
    """Fits in a process of its own with a low priority, which ends with the job."""

    async def fit(
        self, forecast_id: str, history_id: str, *, horizon: int, repair: bool, models: tuple[str, ...], origins: int
    ) -> Run:
        """Fit, choose, reconcile and keep the version; the champions of the review before are challenged.

        `models` empty means all; at `origins` earlier months it is measured what would have been published.

        Raises:
            ForecastImpossible: nothing is left to forecast.
        """
        ...

    async def draw(self, version: str, segments: Iterable[str]) -> Mapping[str, bytes]:
        """Pictures (PNG) of the grand total, if there is one, and of some segments: history, forecast, intervals."""
        ...
