"""A link: passes, waits, is silent, breaks, and is well again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from workers.chaos.proxy import Link, open_links


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[Link]:
    """A link to a server that says everything again."""

    async def again(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(100):
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(again, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with open_links({"a→b": ("127.0.0.1", port)}) as links:
        yield links["a→b"]
    server.close()


async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes) -> bytes:
    writer.write(text)
    await writer.drain()
    return await reader.readexactly(len(text))


async def test_it_passes_bytes_both_ways() -> None:
    async with echo() as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        assert await say(reader, writer, b"hello") == b"hello"
        writer.close()


async def test_latency_lasts_until_it_is_healed() -> None:
    async with echo() as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        link.delay = 0.2
        began = time.monotonic()
        await say(reader, writer, b"slow")
        assert time.monotonic() - began >= 0.4, "0.2 s in each direction"
        link.heal()
        assert link.delay == 0
        writer.close()


async def test_a_partition_keeps_connections_and_loses_nothing() -> None:
    async with echo() as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        link.hold()
        asked = asyncio.create_task(say(reader, writer, b"anybody there?"))
        fresh_reader, fresh_writer = await asyncio.open_connection("127.0.0.1", link.port)
        fresh = asyncio.create_task(say(fresh_reader, fresh_writer, b"me too"))
        done, _ = await asyncio.wait((asked, fresh), timeout=0.3)
        assert not done
        link.heal()
        assert await asked == b"anybody there?"
        assert await fresh == b"me too"
        writer.close()
        fresh_writer.close()


async def test_a_reset_breaks_what_is_open_and_new_connections_work() -> None:
    async with echo() as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        await say(reader, writer, b"hello")
        link.reset()
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        assert await say(reader, writer, b"again") == b"again"
        writer.close()


async def test_a_refusing_link_breaks_new_connections_at_once() -> None:
    async with echo() as link:
        link.refusing = True
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()
        link.heal()
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        assert await say(reader, writer, b"back") == b"back"
        writer.close()
