"""Leads of the past in a database, without an engine."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from workers.bench.what_if import Json, fill
from workers.runtime.database import Pool
from workers.settings import Settings

LEADS = 40


async def undecided(_variables: Json) -> Json:
    """What was decided then, as far as these tests care: nothing that the table says today."""
    return {"territory": "dach"}


@pytest.fixture
async def past(pool: Pool, dsn: str) -> Settings:
    """Settings of a database with `LEADS` leads of the sample, none of which was decided as the table in use says."""
    await fill(pool, LEADS, 5, undecided)
    return Settings(database_url=SecretStr(dsn))
