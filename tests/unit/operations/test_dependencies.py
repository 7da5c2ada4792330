"""Repair policies ask each dependency where it is reached."""

from __future__ import annotations

import pytest

from workers.engine.ports import free_port
from workers.operations.dependencies import probes
from workers.runtime.database import Pool
from workers.runtime.zeebe import ZeebeClient
from workers.settings import Settings


@pytest.mark.parametrize(("apart", "answers"), [(None, True), ("the database", True), ("nothing", False)])
async def test_the_crm_is_asked_where_it_is_reached(pool: Pool, dsn: str, apart: str | None, answers: bool) -> None:
    nowhere = f"postgresql://postgres@127.0.0.1:{free_port()}/fairlead"
    url = {None: None, "the database": dsn, "nothing": nowhere}[apart]
    settings = Settings.model_validate({"crm_database_url": url})
    async with ZeebeClient(settings) as engine:
        assert await probes(settings, pool, engine)["crm"]() is answers
