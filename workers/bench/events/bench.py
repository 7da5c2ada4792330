"""`fairlead bench events`: event → process start at a fixed rate, on a full local stack with a Kafka of its own.

Camunda with OpenSearch, Operate and Tasklist, PostgreSQL, the gateway, the dispatcher and `events run` are all there; no
worker runs, so that what is measured ends at the start of the process. The sides take turns on the same engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from workers.bench.cpu import snapshot, usage, warm_up
from workers.bench.events import plain, records
from workers.bench.events.figures import (
    BY_HTTP,
    BY_KAFKA,
    FIXED,
    LOOP,
    OURS,
    POLLING,
    Passage,
    Plan,
    Report,
    Run,
    run_of,
)
from workers.bench.events.sides import ByHttp, ByKafka, ByTable
from workers.bench.figures import schedule
from workers.bench.own_stack import own_stack
from workers.bench.sending import Sent, open_loop
from workers.bench.serving import answering, programs, start, stop
from workers.control_room.exported import ExportedRecords
from workers.engine.kafka import Broker
from workers.runtime.database import Pool, open_pool
from workers.runtime.deployment import deploy
from workers.sample.door import client
from workers.sample.leads import LeadSource
from workers.sample.organisation import accounts
from workers.settings import Settings

TOPIC, PLAIN_TOPIC = "bench.leads", "bench.plain"
PARTITIONS = 2
WARM_UP_SECONDS = 8.0
SETTLE_SECONDS = 30.0
"""How long is waited at most after a run for what has not started, and for the engine's records to be shown."""
CONNECTIONS = 100

Tell = Callable[[str], None]


@contextlib.contextmanager
def stack() -> Iterator[Settings]:
    """A stack of the benchmark's own with a broker; none of our programs runs in it yet.

    Raises:
        StackFailed: it did not start.
        EngineError: the broker did not.
    """
    with (
        tempfile.TemporaryDirectory(prefix="fairlead-bench-kafka-") as folder,
        Broker(Path(folder)) as broker,
        own_stack(
            engine_only=True,
            FAIRLEAD_KAFKA__BOOTSTRAP_SERVERS=broker.address,
            FAIRLEAD_KAFKA__TOPICS_IN=f'{{"{TOPIC}": "bench"}}',
            FAIRLEAD_GATEWAY__RATE_PER_SECOND="10000",
        ) as settings,
    ):
        yield settings


class Bench:
    """Measures a stack whose programs run."""

    def __init__(
        self, settings: Settings, plan: Plan, tell: Tell, pool: Pool, found: ExportedRecords, own: Mapping[str, int]
    ) -> None:
        self._settings, self._plan, self._tell, self._pool, self._records = settings, plan, tell, pool, found
        self._own = own
        self._accounts = accounts(plan.seed)
        self._series = 0
        self._producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers)

    async def measure(self, report: Report) -> None:
        """Do all runs of the plan, and put them into the report as they come, so that an interruption loses none."""
        plan = self._plan
        sides = [BY_KAFKA, BY_HTTP, *([LOOP] if plan.alternatives else [])]
        async with self._producer:

            async def once() -> None:
                for side in sides:
                    report.runs.append(await self._run(side, "warm-up", min(plan.seconds, WARM_UP_SECONDS)))

            # At first Java's compilers take more of the machine than the events do.
            await warm_up(programs(self._settings).get("camunda"), plan.warm_ups, once, self._tell)
            for number in range(plan.rounds):
                first = number % len(sides)
                for side in sides[first:] + sides[:first]:
                    report.runs.append(await self._run(side, FIXED, plan.seconds))
            if plan.alternatives:
                with running(self._settings, ("workers.bench.events.plain", "poll", f"{plan.poll_seconds:g}")):
                    seconds = max(plan.seconds, 2 * plan.poll_seconds)
                    report.runs.append(await self._run(POLLING, FIXED, seconds, patience=plan.poll_seconds))

    async def _run(self, side: str, purpose: str, seconds: float, *, patience: float = 0.0) -> Run:
        self._series += 1
        source = LeadSource(self._plan.seed, self._accounts, f"bench-{int(time.time())}-{self._series}")
        offsets = schedule(self._plan.rate, seconds)
        bodies = [source.lead(index).body for index in range(len(offsets))]
        pids = {**programs(self._settings), **self._own}
        before, began = snapshot(pids), time.time()
        sent, begun = await self._send(side, bodies, offsets)
        known = (
            await self._leads(source.prefix, len(begun))
            if side in OURS
            else {external_id: (external_id, None) for external_id in sent.scheduled}
        )
        started = await records.started(
            self._records, [lead_id for lead_id, _ in known.values()], began, SETTLE_SECONDS + patience
        )
        used = usage(before, snapshot(pids))
        passages = []
        for external_id, due in sent.scheduled.items():
            lead_id, stored = known.get(external_id, ("", None))
            passages.append(Passage(begun.get(external_id, due), stored, started.get(lead_id)))
        run = run_of(
            side,
            purpose,
            self._plan.rate,
            passages,
            until=time.time(),
            answers=sent.answers,
            sender_late_seconds=sent.longest_delay,
            usage=used,
        )
        self._tell(describe(run))
        return run

    async def _send(
        self, side: str, bodies: Sequence[Mapping[str, object]], offsets: Sequence[float]
    ) -> tuple[Sent, Mapping[str, float]]:
        """Send at these times; when each event happened, where the side knows it better than the clock."""
        if side == BY_HTTP:
            async with client(self._settings, timeout_seconds=30, connections=CONNECTIONS) as http:
                by_http = ByHttp(http)
                return await open_loop(by_http, bodies, offsets), by_http.begun
        way = (
            ByTable(self._pool)
            if side == POLLING
            else ByKafka(self._producer, TOPIC if side == BY_KAFKA else PLAIN_TOPIC)
        )
        return await open_loop(way, bodies, offsets), way.begun

    async def _leads(self, prefix: str, number: int) -> dict[str, tuple[str, float | None]]:
        """External id → our id of the lead, and when it was taken. By Kafka they come in behind the sender, which kept so many."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(
                    "SELECT external_id, lead_id, extract(epoch FROM received_at)::float8 AS at FROM routing.leads"
                    " WHERE starts_with(external_id, %s)",
                    (prefix,),
                )
                found = {row["external_id"]: (row["lead_id"], row["at"]) for row in await cursor.fetchall()}
            if len(found) >= number or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.5)


def describe(run: Run) -> str:
    """One run in one line."""
    latency = run.latency
    shown = " ".join(f"{name} {1000 * value:.0f} ms" for name, value in (
        ("p50", latency.p50), ("p95", latency.p95), ("p99", latency.p99)
    )) if latency else "nothing sent"  # fmt: skip
    return (
        f"{run.side}, {run.purpose}: {run.started} of {run.sent} started, {shown}; "
        f"{1000 * run.cpu_per_event:.0f} ms of processor an event, {run.usage.others_cores:g} cores busy with other things"
    )


@contextlib.contextmanager
def running(settings: Settings, *commands: Sequence[str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Programs (arguments of ``python -m``) that run meanwhile; what they say is in one file of the stack's logs."""
    processes: list[subprocess.Popen[bytes]] = []
    with (settings.home / "logs" / "bench_events.log").open("ab") as log:
        try:
            processes += [start(command, log.fileno()) for command in commands]
            yield processes
        finally:
            stop(processes)


@contextlib.asynccontextmanager
async def _served(settings: Settings, plan: Plan) -> AsyncIterator[dict[str, int]]:
    """Our programs, and the loop that stands beside them; gives their process ids by name."""
    names = ["gateway", "dispatcher", "events"]
    commands = [("workers", name, "run") for name in names]
    if plan.alternatives:
        names.append("plain loop")
        commands.append(("workers.bench.events.plain", "loop", PLAIN_TOPIC))
    ports = settings.ports
    with running(settings, *commands) as processes:
        await answering(
            [
                f"http://127.0.0.1:{port}/readyz"
                for port in (ports.gateway, ports.dispatcher_metrics, ports.events_metrics)
            ]
        )
        yield {name: process.pid for name, process in zip(names, processes, strict=True)}


async def bench(settings: Settings, report: Report, tell: Tell) -> None:
    """Measure the stack of these settings, as `stack` gives it.

    Raises:
        NotServed: a program of ours does not get ready.
        NothingToDeploy, DeploymentRefused: the diagrams can't be put on the engine.
        RecordsUnavailable: the engine's records can't be read.
    """
    await deploy(settings)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap_servers)
    await admin.start()
    try:
        by_broker = {"message.timestamp.type": "LogAppendTime"}
        await admin.create_topics(
            [NewTopic(name, PARTITIONS, 1, topic_configs=by_broker) for name in (TOPIC, PLAIN_TOPIC)]
        )
    finally:
        await admin.close()
    pool = await open_pool(settings.dsn, min_size=1, max_size=10)
    try:
        async with pool.connection() as connection:
            await connection.execute(plain.TABLE.encode())
        async with _served(settings, report.plan) as own, ExportedRecords(settings) as found:
            await Bench(settings, report.plan, tell, pool, found, own).measure(report)
    finally:
        await pool.close()
