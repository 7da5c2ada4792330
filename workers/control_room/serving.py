"""The process `fairlead readmodel run`: follows the engine's records, measures the KPIs, drains on SIGTERM."""

from __future__ import annotations

import structlog

from workers.control_room.expiring import Expiring
from workers.control_room.exported import ExportedRecords
from workers.control_room.following import Follower, forget
from workers.control_room.kpis import Gauges
from workers.control_room.lead_days import LeadDays
from workers.control_room.settling import Settling
from workers.runtime.database import open_pool
from workers.runtime.housekeeping import asked_to_stop, beside
from workers.runtime.probes import Probes, State
from workers.settings import Settings

log = structlog.get_logger()

CONNECTIONS = 4
KPI_SECONDS = 30.0
"""Between measurements for Prometheus."""
EXPIRY_SECONDS = 600.0
SETTLE_SECONDS = 1.0
DAYS_SECONDS = 5.0
"""Between looks at which days are over or have changed."""


async def serve(settings: Settings, metrics_port: int) -> None:
    """Follow until SIGTERM or SIGINT. Engine and database may come later, and may go and come back.

    Raises:
        OSError: the metrics port is taken.
    """
    stop = asked_to_stop()
    pool = await open_pool(settings.dsn, max_size=CONNECTIONS)
    try:
        async with ExportedRecords(settings) as source:
            follower = Follower(pool, source)

            def state() -> State:
                return {"ready": not stop.is_set(), "missing": follower.missing, "stopping": stop.is_set()}

            probes = Probes(settings.bind_host, metrics_port, state)
            log.info("read model started", action="readmodel_started", records=settings.records_url)
            gauges = Gauges(pool)
            expiring = Expiring(pool, settings.control_room.keep_days)
            try:
                async with beside(
                    ("kpis", KPI_SECONDS, gauges.measure),
                    ("paths", SETTLE_SECONDS, Settling(pool).catch_up),
                    ("leads by day", DAYS_SECONDS, LeadDays(pool).catch_up),
                    ("read model's expiry", EXPIRY_SECONDS, expiring.sweep),
                ):
                    await follower.run(stop)
            finally:
                gauges.close()
                probes.close()
        log.info("read model stopped", action="readmodel_stopped")
    finally:
        await pool.close()


async def rebuild(settings: Settings) -> None:
    """Empty the read model and read it again, until everything that is there now was read.

    Raises:
        RecordsUnavailable: the engine's records can't be read; nothing was emptied.
        psycopg.OperationalError: the database can't be reached.
    """
    pool = await open_pool(settings.dsn, max_size=CONNECTIONS)
    try:
        async with ExportedRecords(settings) as source:
            await source.partitions()  # before anything is emptied
            await forget(pool)
            # A follower that runs may take pages too; who comes second to a page goes on behind it.
            await Follower(pool, source).catch_up()
        await Settling(pool).catch_up()
        await LeadDays(pool).catch_up()
    finally:
        await pool.close()
