"""A TCP proxy that can be slow, silent, closed, or break what goes through it: one `Link` for each client and server.

What no proxy of this size can do: lose single packets. TCP hides those from programs; what they see are latency, silence
and broken connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Mapping

CHUNK = 65_536
CONNECT_SECONDS = 10.0


class Link:
    """Listens on a loopback port of its own and passes bytes to one server, as its condition says.

    A `host` that begins with ``/`` is the file of a socket; then there is no port.
    """

    def __init__(self, name: str, host: str, port: int) -> None:
        self.name = name
        self._to = (host, port)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self.delay = 0.0
        """Seconds that bytes wait in each direction, at least."""
        self.refusing = False
        """Whether new connections are broken at once."""
        self.port = 0

    async def start(self) -> None:
        """Listen; `port` says where."""
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Listen no more and break what is open."""
        if self._server is not None:
            self._server.close()
        self.heal()
        self.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hold(self) -> None:
        """Pass nothing on, in either direction; connections stay open, as in a network that was cut."""
        self._passing.clear()

    def reset(self) -> None:
        """Break every open connection (RST)."""
        for writer in self._open:
            _break(writer)

    def heal(self) -> None:
        """Pass everything on again."""
        self.delay, self.refusing = 0.0, False
        self._passing.set()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # asyncio.start_server runs this as a task
        self._tasks.add(task)
        self._open.add(writer)
        try:
            if self.refusing:
                _break(writer)
                return
            await self._passing.wait()
            async with asyncio.timeout(CONNECT_SECONDS):
                to_reader, to_writer = await self._connected()
            self._open.add(to_writer)
            try:
                await self._both(reader, writer, to_reader, to_writer)
            finally:
                self._open.discard(to_writer)
                to_writer.close()
        except (OSError, TimeoutError):
            _break(writer)
        finally:
            self._open.discard(writer)
            self._tasks.discard(task)
            writer.close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self._to
        return await (
            asyncio.open_unix_connection(host) if host.startswith("/") else asyncio.open_connection(host, port)
        )

    async def _both(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        to_reader: asyncio.StreamReader,
        to_writer: asyncio.StreamWriter,
    ) -> None:
        """Until one side is through: none of the protocols here goes on with half a connection."""
        ways = [asyncio.create_task(self._pass(reader, to_writer)), asyncio.create_task(self._pass(to_reader, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self._passing.wait()
                writer.write(data)
                await writer.drain()


@contextlib.asynccontextmanager
async def open_links(targets: Mapping[str, tuple[str, int]]) -> AsyncIterator[dict[str, Link]]:
    """A listening link for each name → (host, port)."""
    links = {name: Link(name, host, port) for name, (host, port) in targets.items()}
    try:
        for link in links.values():
            await link.start()
        yield links
    finally:
        await asyncio.gather(*(link.close() for link in links.values()))


def _break(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN: no time to linger (socket(7), SO_LINGER)."""
    found = writer.get_extra_info("socket")
    if found is not None and found.fileno() >= 0:
        with contextlib.suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
