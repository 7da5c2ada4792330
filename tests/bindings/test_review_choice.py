"""The decision table's choice of segments, by the engine, on a history of which it is known what came after."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from workers.cli._forecast_hindsight import choices
from workers.engine.embedded import EmbeddedEngine
from workers.forecast_review.forecasting import months
from workers.forecast_review.forecasting.forecast import Forecast
from workers.forecast_review.forecasting.hindsight import Found, found, past_facts
from workers.forecast_review.forecasting.history import History, Series
from workers.forecast_review.forecasting.plan import Plan
from workers.forecast_review.forecasting.running import run_forecast
from workers.settings import Settings, Zeebe

SHARE = 0.15


def markets(count: int = 48, years: int = 9) -> History:
    """Markets of very different size and restlessness, as sales are; random walks, so that nobody can know their errors."""
    random = np.random.default_rng(5)
    made = {}
    for number in range(count):
        size, noise = random.lognormal(4, 1.2), random.uniform(0.01, 0.06)
        season = np.exp(random.normal(0, 0.1, 12))
        walk = np.exp(np.cumsum(random.normal(0.002, noise, 12 * years)))
        name = f"r{number % 6}/m{number:02}"
        made[name] = Series(tuple(name.split("/")), months.number(2008, 1), size * walk * np.tile(season, years))
    return History("markets", ("region", "market"), made)


@pytest.fixture(scope="module")
def forecast() -> Forecast:
    return run_forecast(markets(), Plan(horizon=12, models=("theta",), origins=3, earlier=2, processes=1))


@pytest.mark.usefixtures("tables")  # they are deployed
async def test_few_segments_are_looked_at_and_most_large_errors_found(
    forecast: Forecast, engine: EmbeddedEngine
) -> None:
    settings = Settings(engine="embedded", zeebe=Zeebe(address=engine.address))
    chosen = await choices(settings, forecast, SHARE)
    assert len(chosen) == 3
    assert all(0 < one.looked_at <= SHARE * one.segments for one in chosen)
    assert _share(chosen) >= 0.8
    random = np.random.default_rng(1)
    lots = [
        found(past, set(random.choice([fact.segment for fact in past.facts], one.looked_at, replace=False)))
        for past, one in zip(past_facts(forecast), chosen, strict=True)
    ]
    assert _share(lots) < 0.5


def _share(rows: Sequence[Found]) -> float:
    return sum(one.found for one in rows) / sum(one.large for one in rows)
