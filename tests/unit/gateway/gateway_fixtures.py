"""Fixtures: the gateway's app on a real database, spoken to over ASGI.

A plug-in and no conftest, which mypy could not tell from the others of that name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import httpx
import pytest
from fastapi import FastAPI

from workers.gateway.answers import HumanTask
from workers.gateway.app import create_app
from workers.gateway.human_tasks import EngineUnavailable
from workers.runtime.database import Pool
from workers.settings import Gateway, Settings


class Board:
    """Stands for Camunda's task search, which needs the whole local stack; see tests/stack for the real one."""

    def __init__(self) -> None:
        self.found: dict[int, list[HumanTask]] = {}
        self.reachable = True

    async def tasks(self, process_instance_key: int) -> list[HumanTask]:
        if not self.reachable:
            raise EngineUnavailable("nothing answers")
        return self.found.get(process_instance_key, [])

    def link(self, task: HumanTask) -> str:
        return f"http://tasklist.example/tasklist/{task.key}"

    def home(self) -> str:
        return "http://tasklist.example/tasklist"


Client = httpx.AsyncClient
MakeClient = Callable[..., Awaitable[Client]]


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
async def make_client(pool: Pool, board: Board) -> AsyncIterator[MakeClient]:
    """Makes a client of an app with the given gateway settings (fields of `Gateway`)."""
    async with AsyncExitStack() as stack:

        async def make(**gateway: object) -> Client:
            limits = {"rate_per_second": 10_000} | gateway
            settings = Settings(gateway=Gateway.model_validate(limits))
            return await stack.enter_async_context(client_of(create_app(settings, pool, board)))

        yield make


@pytest.fixture
async def client(make_client: MakeClient) -> Client:
    return await make_client()


def client_of(app: FastAPI) -> Client:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", timeout=60)
