"""Receivers of webhooks, and what happens in cases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulators.hooks import Hooks, hooks
from workers.connectors.outgoing import keys, subscriptions
from workers.runtime.database import Pool
from workers.settings import Settings, WebhooksOut

TRUSTING = Settings(webhooks_out=WebhooksOut(trusted_hosts=["127.0.0.1"], seconds=2.0))


@pytest.fixture
def receivers() -> Iterator[Hooks]:
    with hooks() as found:
        yield found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Receivers of this machine may be called."""
    return TRUSTING.model_copy(update={"home": tmp_path})


async def subscribe(pool: Pool, settings: Settings, name: str, url: str, *types: str) -> str:
    """A subscription; its secret."""
    secret = keys.made()
    async with pool.connection() as connection:
        await subscriptions.add(connection, name, url, types, keys.Safe(settings).seal(secret))
    return secret


async def happen(pool: Pool, case: str, *actions: str) -> None:
    """Entries of a case's timeline."""
    async with pool.connection() as connection:
        for action in actions:
            await connection.execute(
                "INSERT INTO runtime.timeline (business_id, actor, action, why, facts)"
                " VALUES (%s, 'system', %s, 'a rule', '{\"round\": 1}')",
                (case, action),
            )


async def rows(pool: Pool, query: str, *parameters: object) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        return await (await connection.execute(query.encode(), parameters)).fetchall()
