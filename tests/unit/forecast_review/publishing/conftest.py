"""An organisation with a fitted forecast, on a fresh database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.forecast_review.publishing.casework import Clock, Publishing, fitted_shops
from workers.forecast_review import wiring
from workers.forecast_review.forecasting.forecast import Forecast
from workers.runtime.database import Pool
from workers.runtime.resources import Resources
from workers.settings import Mail, Settings


@pytest.fixture(scope="session")
def fitted() -> Forecast:
    """See `fitted_shops`."""
    return fitted_shops()


@pytest.fixture
async def case(pool: Pool, fitted: Forecast, tmp_path: Path) -> AsyncIterator[Publishing]:
    clock = Clock()
    settings = Settings(home=tmp_path, mail=Mail(sales_ops=["ops@example.com"]))
    resources = Resources(settings, pool, clock=clock)
    case = Publishing(resources, clock, fitted)
    await case.found()
    yield case
    await wiring.close(resources)
