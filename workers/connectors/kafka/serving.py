"""The process `fairlead events run`: takes what Kafka brings, drains on SIGTERM."""

from __future__ import annotations

import asyncio

import psycopg
import structlog

from workers.connectors.kafka.brokers import rest
from workers.connectors.kafka.taking import DATABASE_PAUSE_SECONDS, Taking
from workers.connectors.kafka.telling import switch
from workers.runtime.database import Pool, open_pool, outdated
from workers.runtime.housekeeping import asked_to_stop
from workers.runtime.probes import Probes, State
from workers.settings import Settings

log = structlog.get_logger()

CONNECTIONS = 3


async def serve(settings: Settings, metrics_port: int) -> None:
    """Until SIGTERM or SIGINT. Whether timelines are told to Kafka is switched here, as the settings say.

    Raises:
        OSError: the metrics port is taken.
        KafkaError: the brokers refuse us.
        NotConnected: no brokers are named, or the file of their authority can't be used.
    """
    stop = asked_to_stop()
    pool = await open_pool(settings.dsn, max_size=CONNECTIONS)
    taking = Taking(settings, pool, stop)

    def state() -> State:
        return {
            "ready": taking.missing is None and not stop.is_set(),
            "missing": taking.missing,
            "stopping": stop.is_set(),
        }

    probes = Probes(settings.bind_host, metrics_port, state)
    try:
        if await _switched(settings, pool, stop):
            await taking.run()
        log.info("events stopped", action="events_stopped")
    finally:
        probes.close()
        await pool.close()


async def _switched(settings: Settings, pool: Pool, stop: asyncio.Event) -> bool:
    """Wait for the database, and switch the telling on or off; False if we are to stop before."""
    while not stop.is_set():
        try:
            async with pool.connection() as connection:
                if not await outdated(connection):
                    await switch(connection, on=settings.kafka.topic_out is not None)
                    return True
            log.warning("the schema is old", action="waiting_schema", hint="fairlead db upgrade")
        except psycopg.OperationalError:
            log.warning("waiting for the database", action="waiting_database")
        await rest(DATABASE_PAUSE_SECONDS, stop)
    return False
