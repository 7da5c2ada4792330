"""The processes `fairlead worker run` and `fairlead dispatcher run`: start, serve, drain on SIGTERM, exit.

Engine and database may come later than the process, and may go away and come back.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import psycopg
import structlog

from workers.runtime import deliveries, discovery, metrics, tracing
from workers.runtime.answers import Outcome
from workers.runtime.database import Pool, newest, open_pool, outdated
from workers.runtime.dispatcher import Dispatcher
from workers.runtime.expiry import Expiry
from workers.runtime.feed import Feed
from workers.runtime.housekeeping import asked_to_stop, beside, ended
from workers.runtime.orphans import ElementStates, Orphans
from workers.runtime.outbox import FAMILY, Deliver
from workers.runtime.presence import Presence
from workers.runtime.probes import Probes, State
from workers.runtime.resources import Regular, Resources
from workers.runtime.task import TaskSpec
from workers.runtime.worker import Worker
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import EngineBusy, Refused
from workers.settings import Settings

log = structlog.get_logger()

View = Callable[[], contextlib.AbstractAsyncContextManager[ElementStates]]

ORPHANS_SECONDS = 10.0
"""Between looks for orphaned effects."""

EXPIRY_SECONDS = 600.0
"""Between looks for rows that have had their time."""

THREADS = "fairlead-task"
"""How the names of threads begin in which tasks run what would hold up the others."""

THREADS_SECONDS = 1.0
"""How long a process that stops waits for them, after its jobs have finished or were handed back."""

CONNECTIONS = 10
"""Database connections of a worker: more running jobs than that take turns at the database."""


async def serve_tasks(
    settings: Settings, job_types: Sequence[str], *, metrics_port: int | None, root: str = discovery.ROOT
) -> int:
    """Serve tasks until SIGTERM or SIGINT; the process' exit code.

    Raises:
        UnknownTask: one of the job types does not exist.
        NotInstalled: traces are to be exported, and their packages are missing.
        OSError: the metrics port is taken.
    """
    specs = [discovery.find(job_type, root) for job_type in job_types]
    size = min(CONNECTIONS, settings.worker.max_running_jobs)
    async with _process(settings, "worker", max_size=size) as (pool, client, stop):
        resources = Resources(settings, pool)
        worker = Worker(client, resources, root)
        metrics.from_zero(metrics.JOBS_POISON, job_types)
        metrics.from_zero(metrics.JOBS_FINISHED, job_types, get_args(Outcome))
        feed = Feed(client, worker, specs, settings.worker)
        presence = Presence(pool, "worker", job_types, lambda: len(feed.running))

        def state() -> State:
            return {
                "ready": len(feed.open_streams) == len(specs) and not stop.is_set(),
                "streams": len(feed.open_streams),
                "tasks": len(specs),
                "running": len(feed.running),
                "stopping": stop.is_set(),
            }

        with _probes(settings, metrics_port, state):
            log.info("worker started", action="worker_started", tasks=", ".join(sorted(job_types)))

            async def serve() -> None:
                await _prepare(resources, specs, root)
                async with beside(presence.chore):
                    await feed.run()

            await _until(stop, serve, feed.stop, database=pool, engine=client)
            finished = await feed.drain(settings.worker.drain_seconds)
            await presence.leave()
            await worker.close()
            await _close(resources, {spec.context for spec in specs}, root)
            log.info("worker stopped", action="worker_stopped", handed_back=not finished)
    return 0


async def serve_outbox(
    settings: Settings, *, metrics_port: int | None, root: str = discovery.ROOT, states: View | None = None
) -> int:
    """Send outbox rows, and keep house, until SIGTERM or SIGINT; the process' exit code.

    `states` opens the engine's view of what became of element instances; without it orphaned effects wait.

    Raises:
        NotInstalled: traces are to be exported, and their packages are missing.
        OSError: the metrics port is taken.
    """
    async with (
        _process(settings, "dispatcher", max_size=CONNECTIONS) as (pool, client, stop),
        # Its book-keeping is single statements: without a transaction around each, two of three journeys are saved.
        await open_pool(settings.dsn, max_size=CONNECTIONS, autocommit=True) as books,
        states() if states is not None else contextlib.nullcontext() as view,
    ):
        resources = Resources(settings, pool)
        channels: dict[str, Deliver] = {deliveries.MESSAGES: deliveries.messages(client)}
        regular: list[Regular] = []
        for context in discovery.contexts(root):
            channels.update(discovery.wiring(context, root).deliveries(resources))
            regular += discovery.chores(context, resources, root)
        dispatcher = Dispatcher(settings.dsn, books, channels, runbook=settings.runbook)
        metrics.from_zero(metrics.OUTBOX_DEAD, [name for name in channels if not name.endswith(FAMILY)])
        orphans = Orphans(resources, view, root)
        metrics.from_zero(metrics.ORPHANS_FAILED, discovery.all_job_types(root))
        expiry = Expiry(pool, settings.retention)
        presence = Presence(pool, "dispatcher", channels, lambda: dispatcher.in_hand)

        async def serve() -> None:
            async with beside(
                ("orphans", ORPHANS_SECONDS, orphans.look),
                ("expiry", EXPIRY_SECONDS, expiry.sweep),
                presence.chore,
                *((one.name, one.seconds, one.chore) for one in regular),
            ):
                await dispatcher.run()

        def state() -> State:
            ready = dispatcher.connected.is_set() and not stop.is_set()
            return {"ready": ready, "channels": sorted(channels), "stopping": stop.is_set()}

        with _probes(settings, metrics_port, state):
            log.info("dispatcher started", action="dispatcher_started", channels=", ".join(sorted(channels)))
            await _until(stop, serve, dispatcher.stop, database=pool, engine=client)
            await presence.leave()
            await _close(resources, discovery.contexts(root), root)
            log.info("dispatcher stopped", action="dispatcher_stopped")
    return 0


async def _prepare(resources: Resources, specs: Sequence[TaskSpec], root: str) -> None:
    for context in sorted({spec.context for spec in specs}):
        names = {spec.name for spec in specs if spec.context == context}
        try:
            await discovery.wiring(context, root).prepare(resources, names)
        except psycopg.OperationalError as error:  # the first job tries again
            log.info("not prepared", action="not_prepared", context=context, reason=type(error).__name__)


async def _close(resources: Resources, contexts: Iterable[str], root: str) -> None:
    for context in contexts:
        await discovery.wiring(context, root).close(resources)


@contextlib.asynccontextmanager
async def _process(
    settings: Settings, role: str, *, max_size: int
) -> AsyncIterator[tuple[Pool, ZeebeClient, asyncio.Event]]:
    stop = asked_to_stop()
    threads = ThreadPoolExecutor(thread_name_prefix=THREADS)
    asyncio.get_running_loop().set_default_executor(threads)
    with tracing.exporting(settings, role):
        pool = await open_pool(settings.dsn, min_size=1, max_size=max_size)
        try:
            async with ZeebeClient(settings) as client:
                yield pool, client, stop
        finally:
            await pool.close()
    await _leave(threads)


async def _leave(threads: ThreadPoolExecutor) -> None:
    """End the threads of `asyncio.to_thread`. What a task does in one can't be stopped, and both asyncio and Python wait
    for it at the end, perhaps for minutes: its job was handed back, so the process ends without it.
    """
    threads.shutdown(wait=False, cancel_futures=True)
    end = time.monotonic() + THREADS_SECONDS
    while any(thread.name.startswith(THREADS) for thread in threading.enumerate()):  # ended ones are not listed
        if time.monotonic() > end:
            log.warning("left while a task's thread was at work", action="thread_left")
            sys.stdout.flush()
            os._exit(0)
        await asyncio.sleep(0.01)


@contextlib.contextmanager
def _probes(settings: Settings, port: int | None, state: Callable[[], State]):  # type: ignore[no-untyped-def]  # noqa: ANN202
    if port is None:
        yield
        return
    probes = Probes(settings.bind_host, port, state)
    log.info("metrics served", action="metrics_served", host=settings.bind_host, port=probes.port)
    try:
        yield
    finally:
        probes.close()


async def _until(
    stop: asyncio.Event,
    work: Callable[[], Coroutine[object, object, None]],
    end: Callable[[], None],
    *,
    database: Pool,
    engine: ZeebeClient,
) -> None:
    """Run the work, once the database is there, until we are asked to stop; then end it, and wait for that."""
    ready = asyncio.Event()
    stopped = asyncio.create_task(stop.wait())
    hints = asyncio.create_task(_say_what_is_missing(database, engine, ready))
    starting = asyncio.create_task(ready.wait())
    try:
        await asyncio.wait((starting, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not ready.is_set():
            log.info("stopping", action="stopping")
            return
        running = asyncio.create_task(work())
        await asyncio.wait((running, stopped), return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            log.info("stopping", action="stopping")
        end()
        await running
    finally:
        await ended((stopped, hints, starting))


async def _say_what_is_missing(database: Pool, engine: ZeebeClient, ready: asyncio.Event) -> None:
    """Say at the start what we wait for, and set `ready` when the database is there with a schema that is not older than
    we are: without it jobs would fail. Later each part says by itself what it misses.
    """
    missing: dict[str, str] = {}
    pause = 0.5
    while True:
        before, missing = missing, {}
        try:
            await engine.topology()
        except (EngineBusy, Refused) as error:
            missing["engine"] = str(error)
        try:
            async with database.connection(timeout=2) as connection:
                if await outdated(connection):
                    missing["schema"] = ""
        except psycopg.Error as error:
            missing["database"] = type(error).__name__
        if not missing.keys() & {"database", "schema"}:
            ready.set()
        if not missing:
            log.info("engine and database are there", action="connected", address=engine.address)
            return
        if missing.keys() != before.keys():
            _hint(missing, engine.address)
        await asyncio.sleep(pause)
        pause = min(3.0, pause * 1.5)


def _hint(missing: Mapping[str, str], address: str) -> None:
    """`missing`: what we wait for, and why."""
    if "engine" in missing:
        log.warning(
            "waiting for the engine",
            action="waiting_engine",
            at=address,
            reason=missing["engine"],
            hint="fairlead up, or FAIRLEAD_ZEEBE",
        )
    if "database" in missing:
        log.warning(
            "waiting for the database",
            action="waiting_database",
            reason=missing["database"],
            hint="fairlead up, or FAIRLEAD_DATABASE_URL",
        )
    if "schema" in missing:
        log.warning(
            "the database's schema is older than this version needs, or not there",
            action="waiting_schema",
            needed=newest(),
            hint="fairlead db upgrade",
        )
