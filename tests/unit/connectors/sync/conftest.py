"""Both CRMs, one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.connectors.sync.worlds import World, world_of
from workers.connectors.sync import patience
from workers.runtime.database import Pool


@pytest.fixture(params=["hubspot", "salesforce"])
async def world(request: pytest.FixtureRequest, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.01)
    async with world_of(request.param, pool) as world:
        yield world
