"""Whether what others depend on answers: asked by self-healing before it tries anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection

from workers.operations.model import Dependency
from workers.runtime.database import Pool
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import EngineBusy, Refused
from workers.settings import Settings

PATIENCE_SECONDS = 5.0

Probe = Callable[[], Awaitable[bool]]
"""Whether a dependency answers."""


def probes(settings: Settings, pool: Pool, engine: ZeebeClient) -> Mapping[Dependency, Probe]:
    """A probe for each dependency that a rule may name."""

    async def engine_answers() -> bool:
        try:
            return (await engine.topology()).healthy
        except (EngineBusy, Refused):
            return False

    @asynccontextmanager
    async def crm() -> AsyncIterator[AsyncConnection[Any]]:
        if settings.crm_database_url is None:
            async with pool.connection() as connection:
                yield connection
        else:  # it may be away alone
            async with await AsyncConnection.connect(settings.crm_database_url.get_secret_value()) as apart:
                yield apart

    async def crm_answers() -> bool:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), crm() as connection:
                await connection.execute("SELECT FROM crm.leads LIMIT 1")
        except (psycopg.Error, TimeoutError):
            return False
        return True

    async def mail_answers() -> bool:
        return await greets(settings.mail.host, settings.mail.port or settings.ports.smtp)

    return {"engine": engine_answers, "crm": crm_answers, "mail": mail_answers}


async def greets(host: str, port: int) -> bool:
    """Whether an SMTP server says that it is ready (220, RFC 5321 section 4.3.1)."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                return (await reader.readline()).startswith(b"220")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
