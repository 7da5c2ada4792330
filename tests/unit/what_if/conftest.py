"""Leads of the past in a database, without an engine."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from tests.unit.what_if.leads import fill_past
from workers.runtime.database import Pool
from workers.settings import Settings


@pytest.fixture
async def past(pool: Pool, dsn: str) -> Settings:
    """Settings of a database with leads of the past."""
    await fill_past(pool)
    return Settings(database_url=SecretStr(dsn))
