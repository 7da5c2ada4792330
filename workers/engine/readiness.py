"""Questions that tell whether a program is ready. Each returns None for yes, else in a few words what is missing."""

from __future__ import annotations

import asyncio
import ssl

import httpx
import psycopg

from workers.runtime.database import reason
from workers.settings import Settings

ASK_SECONDS = 5.0
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody and has read no certificates; for loopback only."""


async def always() -> str | None:
    """For a program that nobody asks anything: to run is to be ready."""
    return None


async def http_ok(url: str) -> str | None:
    """Whether ``url`` answers without an error; a redirection (to a log-in page) will do."""
    address = httpx.URL(url)
    # Asked twice a second for half a minute: the port first, which is cheap, and no certificates for plain HTTP.
    missing = await tcp_ok(address.host, address.port or 80)
    if missing:
        return missing
    try:
        async with httpx.AsyncClient(timeout=ASK_SECONDS, verify=_NO_TLS) as client:
            answer = await client.get(url)
    except httpx.HTTPError as error:
        return f"{url} does not answer ({type(error).__name__})"
    return None if answer.status_code < httpx.codes.BAD_REQUEST else f"{url} answers {answer.status_code}"


async def opensearch_ok(url: str) -> str | None:
    """Whether OpenSearch's cluster is at least yellow (one node never gets green with replicas)."""
    return await http_ok(f"{url}/_cluster/health?wait_for_status=yellow&timeout=1s")


async def tcp_ok(host: str, port: int) -> str | None:
    """Whether something accepts connections on a port."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        return f"{host}:{port} does not answer ({type(error).__name__})"
    writer.close()
    await writer.wait_closed()
    return None


async def postgres_ok(dsn: str) -> str | None:
    """Whether PostgreSQL takes connections."""
    try:
        connection = await psycopg.AsyncConnection.connect(dsn, connect_timeout=int(ASK_SECONDS))
    except psycopg.OperationalError as error:
        return reason(error)
    await connection.close()
    return None


async def zeebe_ok(settings: Settings) -> str | None:
    """Whether the engine's gateway answers over gRPC and every partition has a healthy leader."""
    from workers.runtime.zeebe import ZeebeClient  # noqa: PLC0415 - gRPC is heavy, and only this question needs it
    from workers.runtime.zeebe_types import EngineBusy, Refused  # noqa: PLC0415 - likewise

    async with ZeebeClient(settings) as client:
        try:
            topology = await client.topology()
        except (EngineBusy, Refused) as error:
            return f"{settings.zeebe_address} does not answer ({error})"
    return None if topology.healthy else f"{settings.zeebe_address} has no healthy partition yet"


async def camunda_ok(settings: Settings) -> str | None:
    """Whether the local Camunda is ready: partitions over gRPC, then REST with Tasklist and Operate."""
    return (
        await tcp_ok("127.0.0.1", settings.ports.zeebe)
        or await zeebe_ok(settings)
        or await http_ok(f"http://127.0.0.1:{settings.ports.camunda_http}/login")
    )
