"""Fixtures of the runtime's tests: a small context `flow` on a real database."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.runtime.demo.cases import ROOT, Cases
from tests.unit.runtime.demo.served import Serve, Served
from tests.unit.runtime.demo.waiting import until
from workers.engine.embedded import EmbeddedEngine
from workers.runtime import discovery
from workers.runtime.database import Pool
from workers.runtime.dispatcher import Dispatcher
from workers.runtime.feed import Feed
from workers.runtime.resources import Resources
from workers.runtime.worker import Worker
from workers.runtime.zeebe import ZeebeClient
from workers.settings import Settings, WorkerLimits, Zeebe

PROJECT = Path(__file__).parents[3]

Dispatching = Callable[..., AbstractAsyncContextManager[Dispatcher]]


@pytest.fixture
async def resources(pool: Pool) -> Resources:
    async with pool.connection() as connection:
        await connection.execute("CREATE TABLE public.bookings (business_id text, turn int, change int)")
        await connection.execute(
            "CREATE TABLE public.ledger (id bigint GENERATED ALWAYS AS IDENTITY, external_id text PRIMARY KEY,"
            " business_id text, amount int, times int NOT NULL DEFAULT 1)"
        )
    return Resources(Settings(), pool)


@pytest.fixture
def cases(resources: Resources) -> Cases:
    return Cases(resources)


@pytest.fixture(scope="session")
def engine() -> Iterator[EmbeddedEngine]:
    """Zeebe in memory, one for the session; tests tell their instances apart by keys."""
    with EmbeddedEngine() as started:
        yield started


@pytest.fixture
async def client(engine: EmbeddedEngine) -> AsyncIterator[ZeebeClient]:
    async with ZeebeClient(Settings(zeebe=Zeebe(address=engine.address))) as opened:
        yield opened


@pytest.fixture
def serving(client: ZeebeClient, resources: Resources) -> Callable[..., AbstractAsyncContextManager[Feed]]:
    """`async with serving("book", max_running=4) as feed`: those tasks are served, and the streams are open."""

    @asynccontextmanager
    async def serve(
        *names: str, max_running: int = 8, using: ZeebeClient | None = None, drain: float = 5.0, look_ahead: int = 128
    ) -> AsyncIterator[Feed]:
        specs = [discovery.find(f"flow.{name}", ROOT) for name in names]
        served = using or client
        feed = Feed(
            served,
            Worker(served, resources, ROOT),
            specs,
            WorkerLimits(max_running_jobs=max_running, look_ahead_jobs=look_ahead),
        )
        running = asyncio.create_task(feed.run())
        await until(lambda: running.done() or len(feed.open_streams) == len(names), "streams to open")
        try:
            yield feed
        finally:
            feed.stop()
            await running
            await feed.drain(drain)

    return serve


@pytest.fixture
def serve(dsn: str, engine: EmbeddedEngine) -> Serve:
    @asynccontextmanager
    async def start(*arguments: str, **environment: str) -> AsyncIterator[Served]:
        given = {
            **os.environ,
            "FAIRLEAD_DATABASE_URL": dsn,
            "FAIRLEAD_ZEEBE__ADDRESS": engine.address,
            "FAIRLEAD_LOG_FORMAT": "json",
            **environment,
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.unit.runtime.demo.serve", *arguments), cwd=PROJECT, env=given, stderr=PIPE
        )
        try:
            yield Served(process)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    return start


@pytest.fixture
def dispatching(dsn: str, pool: Pool) -> Dispatching:
    @asynccontextmanager
    async def dispatch(**options: Any) -> AsyncIterator[Dispatcher]:
        dispatcher = Dispatcher(dsn, pool, **options)
        running = asyncio.create_task(dispatcher.run())
        await until(lambda: running.done() or dispatcher.connected.is_set(), "the dispatcher to listen")
        try:
            yield dispatcher
        finally:
            dispatcher.stop()
            await running

    return dispatch
