"""The process `fairlead gateway run`: listens, serves, drains on SIGTERM, exits with 0."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Iterator
from types import FrameType

import structlog
import uvicorn
from psycopg import DatabaseError

from workers.control_room import rendering
from workers.gateway import idempotency, sessions
from workers.gateway.app import create_app
from workers.gateway.guard import ConfigurationError, check_settings
from workers.gateway.live import Live
from workers.gateway.tasklist import tasklist
from workers.runtime import tracing
from workers.runtime.database import Pool, open_pool
from workers.settings import Settings

log = structlog.get_logger()

CONNECTIONS = 20
TIDY_SECONDS = 3_600


class _Server(uvicorn.Server):
    """Uvicorn, but a signal only ends the serving: the process then closes its pool and exits with 0.

    Streams have no end of their own: they are ended first, or the drain would wait for them.
    """

    def __init__(self, config: uvicorn.Config, live: Live) -> None:
        super().__init__(config)
        self._live = live

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._live.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        log.info("stopping", action="gateway_stopping", signal=signal.Signals(sig).name)
        super().handle_exit(sig, frame)


async def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; requests under way get `settings.gateway.drain_seconds`.

    The database may come later: until then `/readyz` says that it is missing.

    Raises:
        ConfigurationError: unsafe settings, or an address that can't be listened on.
        NotInstalled: traces are to be exported, and their packages are missing.
    """
    check_settings(settings, host)
    with tracing.exporting(settings, "gateway"):
        await _serve(settings, host, port)


async def _serve(settings: Settings, host: str, port: int) -> None:
    pool = await open_pool(settings.dsn, min_size=1, max_size=CONNECTIONS)
    try:
        async with tasklist(settings) as board:
            app = create_app(settings, pool, board)
            config = uvicorn.Config(
                app,
                host=host,
                port=port,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=15,
                timeout_graceful_shutdown=int(settings.gateway.drain_seconds),
                limit_concurrency=500,
            )
            with contextlib.closing(_listen(config)) as listening:
                log.info("gateway started", action="gateway_started", host=host, port=listening.getsockname()[1])
                # Before anybody is answered: a quarter of a second for which who connects waits, instead of as much or more
                # of the first answers' time, as they would share the interpreter with it.
                rendering.compile_pages()
                tidying = asyncio.create_task(_tidy(pool, settings.gateway.idempotency_hours))
                try:
                    await _Server(config, app.state.parts.live).serve([listening])
                finally:
                    tidying.cancel()
        log.info("gateway stopped", action="gateway_stopped")
    finally:
        await pool.close()


def _listen(config: uvicorn.Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((config.host, config.port))
        listening.listen(config.backlog)  # from now on clients may connect; they are answered in a moment
    except OSError as error:
        listening.close()
        why = "is in use" if error.errno == errno.EADDRINUSE else f"can't be used ({error.strerror})"
        raise ConfigurationError(
            f"{config.host}:{config.port} {why}. Stop what listens there, or choose another with --host and --port."
        ) from None
    return listening


async def _tidy(pool: Pool, keep_hours: int) -> None:
    """Forget old answers and sessions, hourly."""
    while True:
        try:
            async with pool.connection() as connection:
                number = await idempotency.forget(connection, keep_hours=keep_hours)
                number += await sessions.forget(connection)
            log.debug("old answers and sessions forgotten", action="gateway_tidied", number=number)
        except DatabaseError as error:
            # The next hour is early enough; what matters now is said by /readyz.
            log.warning(
                "old answers and sessions not forgotten", action="gateway_not_tidied", kind=type(error).__name__
            )
        await asyncio.sleep(TIDY_SECONDS)
