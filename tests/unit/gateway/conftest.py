"""The gateway's app on a real database, spoken to over ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.unit.gateway.helpers import Board, Client, MakeClient, client_of
from workers.gateway.app import create_app
from workers.runtime import logs
from workers.runtime.database import Pool
from workers.settings import Gateway, Settings


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
async def make_client(pool: Pool, board: Board) -> AsyncIterator[MakeClient]:
    """Makes a client of an app with the given gateway settings (fields of `Gateway`)."""
    async with AsyncExitStack() as stack:

        async def make(**gateway: object) -> Client:
            limits = {"rate_per_second": 10_000} | gateway
            logs.configure(Settings())
            settings = Settings(gateway=Gateway.model_validate(limits))
            return await stack.enter_async_context(client_of(create_app(settings, pool, board)))

        yield make


@pytest.fixture
async def client(make_client: MakeClient) -> Client:
    return await make_client()
