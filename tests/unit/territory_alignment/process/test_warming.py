"""The planner's worker has the search's loops compiled beside its first jobs."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from structlog.testing import capture_logs

from workers.runtime.database import Pool
from workers.runtime.resources import Resources
from workers.settings import Settings
from workers.territory_alignment import wiring
from workers.territory_alignment.adapters import solver


@pytest.fixture
def resources() -> Resources:
    return Resources(Settings(), cast("Pool", None))  # what is prepared asks no database


async def test_who_plans_compiles_and_nobody_else(resources: Resources) -> None:
    await wiring.prepare(resources, {"send_notice", "collect_territories"})
    assert not resources.cache
    with capture_logs() as logs:
        await wiring.prepare(resources, {"solve_territories"})
        (compiling,) = resources.cache.values()
        assert not compiling.done(), "jobs are taken meanwhile"
        await compiling
    assert not logs
    await wiring.close(resources)


async def test_a_worker_that_ends_before_takes_the_compiling_with_it(resources: Resources) -> None:
    await wiring.prepare(resources, {"adjust_territories"})
    (compiling,) = resources.cache.values()
    await asyncio.sleep(0)
    await wiring.close(resources)
    assert compiling.cancelled()
    assert not resources.cache


async def test_where_it_does_not_work_the_search_goes_on_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver, "WARMING", "workers.territory_alignment.nowhere")
    with capture_logs() as logs:
        await solver.warm()
    assert [one["action"] for one in logs] == ["search_not_warmed"]
