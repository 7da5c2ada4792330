"""A process's resources on a fresh database, at a moment that does not move."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from tests.unit.forecast_review.casework import Review
from workers.forecast_review import wiring
from workers.runtime.database import Pool
from workers.runtime.resources import Resources
from workers.settings import Settings

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


@pytest.fixture
async def case(pool: Pool) -> AsyncIterator[Review]:
    resources = Resources(Settings(), pool, clock=lambda: NOW)
    yield Review(resources)
    await wiring.close(resources)
