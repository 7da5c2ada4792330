"""`fairlead bench lead-routing`: how fast leads get an owner, at a fixed rate and at most, ours and plain pyzeebe.

The method: leads with the sample's mix are sent over HTTP at times fixed beforehand (open loop), and what became of
them is read from the database: received → first assigned, of leads that needed no person. Both sides serve the same
process on the same engine in turns. Capacities of the reps are lifted for the run and put back, so that the engine and
the workers are measured, not the sales organisation.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from workers.bench.cpu import Usage, snapshot, usage, warm_up
from workers.bench.figures import Figures, figures, next_rate, schedule
from workers.bench.sending import Sent, open_loop, passages, poster, unsettled
from workers.bench.serving import plain_polling, programs, ready, rest
from workers.runtime.database import Pool, open_pool
from workers.sample.door import client
from workers.sample.leads import LeadSource
from workers.sample.organisation import accounts
from workers.settings import Settings

OURS, PLAIN = "fairlead", "plain pyzeebe, polling"
DRAIN_SECONDS = 300.0
SEARCH_SECONDS = 30.0
WARM_UP_RATE, WARM_UP_SECONDS, WARM_UP_RUNS = 7.0, 45.0, 12
CONNECTIONS = 100
UNLIMITED = 1_000_000

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure."""

    rate: float = 10.0
    seconds: float = 60.0
    rounds: int = 2
    find_max: bool = False
    alternative: bool = True
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Run:
    """One run at one rate."""

    side: str
    purpose: str
    """``warm-up``, ``fixed rate``, ``search`` or ``too much``."""
    figures: Figures
    answers: dict[str, int]
    """HTTP status or failure → how often."""
    sender_late_seconds: float
    """How late the sender was at worst."""
    left_over: int
    """Leads that were not settled when waiting for them ended."""
    usage: Usage
    """Processor time from the first lead until all were settled, or waiting ended."""

    @property
    def cpu_per_lead(self) -> float:
        """Processor seconds that the system used for a lead; the sender's are left out."""
        used = sum(seconds for name, seconds in self.usage.programs.items() if name != "bench")
        return used / max(self.figures.settled, 1)


@dataclass
class Report:
    """All runs."""

    plan: Plan
    runs: list[Run] = field(default_factory=list)

    def fixed(self, side: str) -> list[Run]:
        """The runs of a side at the fixed rate."""
        return [run for run in self.runs if run.side == side and run.purpose == "fixed rate"]

    def highest(self, side: str) -> float | None:
        """The highest rate held by a side, of all runs; None if it held none."""
        return max((run.figures.rate for run in self.runs if run.side == side and run.figures.held), default=None)

    def middle(self, side: str) -> Run | None:
        """Of a side's runs at the fixed rate the one with the median 99th percentile (the worse of two)."""
        runs = self.fixed(side)
        if not runs:
            return None
        worst = float("inf")
        tails = [run.figures.from_received.p99 if run.figures.from_received else worst for run in runs]
        return runs[tails.index(statistics.median_high(tails))]


class Bench:
    """Measures a running stack."""

    def __init__(self, settings: Settings, pool: Pool, plan: Plan, tell: Tell) -> None:
        self._settings = settings
        self._pool = pool
        self._plan = plan
        self._tell = tell
        self._accounts = accounts(plan.seed)
        self._began = int(time.time())
        self._series = 0

    async def measure(self, report: Report) -> None:
        """Do all runs of the plan and put them into the report as they come, so that an interruption loses none."""
        plan = self._plan
        await ready(self._settings)
        await self._warm_up(report)
        sides = [OURS, PLAIN] if plan.alternative else [OURS]
        for _ in range(plan.rounds):
            for side in sides:
                async with self._serving(side) as extra:
                    report.runs.append(await self.run(side, "fixed rate", plan.rate, plan.seconds, extra))
                await self._rest()
        if plan.find_max:
            for side in sides:
                await self._search(side, report)

    async def _warm_up(self, report: Report) -> None:
        """Until Java has compiled what is hot: at first its compilers take more of the machine than the leads do."""

        async def once() -> None:
            report.runs.append(await self.run(OURS, "warm-up", WARM_UP_RATE, WARM_UP_SECONDS, {}))
            await self._rest()

        await warm_up(programs(self._settings).get("camunda"), WARM_UP_RUNS, once, self._tell)

    async def _search(self, side: str, report: Report) -> None:
        """Look for the highest rate that a side holds."""
        known = [run.figures for run in report.runs if run.side == side and run.purpose != "warm-up"]
        held = [one.rate for one in known if one.held]
        failed = [one.rate for one in known if not one.held and one.rate not in held]
        while (rate := next_rate(held, failed, first=self._plan.rate)) is not None:
            async with self._serving(side) as extra:
                run = await self.run(side, "search", rate, SEARCH_SECONDS, extra)
            report.runs.append(run)
            (held if run.figures.held else failed).append(rate)
            await self._rest()

    @contextlib.asynccontextmanager
    async def _serving(self, side: str) -> AsyncIterator[Mapping[str, int]]:
        """Let a side serve; gives the process ids of programs that the supervisor does not know."""
        if side == OURS:
            yield {}
            return
        async with plain_polling(self._settings, self._settings.home / "logs" / "plain_polling.log") as extra:
            yield extra

    async def run(self, side: str, purpose: str, rate: float, seconds: float, extra: Mapping[str, int]) -> Run:
        """Send leads at a rate for some seconds, and say what became of them; `extra`: see `_serving`."""
        self._series += 1
        source = LeadSource(self._plan.seed, self._accounts, f"bench-{self._began}-{self._series}")
        offsets = schedule(rate, seconds)
        bodies = [source.lead(index).body for index in range(len(offsets))]
        pids = {**programs(self._settings), **extra}
        before = snapshot(pids)
        async with client(self._settings, timeout_seconds=30, connections=CONNECTIONS) as http:
            sent = await open_loop(poster(http), bodies, offsets)
        # Twice the time, or until all are settled: enough for the latencies of a run that is held.
        await self._settle(source.prefix, sent, seconds)
        used = usage(before, snapshot(pids))
        found = await passages(self._pool, source.prefix, sent)
        run = Run(
            side=side,
            purpose=purpose,
            figures=figures(found, start=sent.start, rate=rate, seconds=seconds, until=time.time()),
            answers=dict(sent.answers),
            sender_late_seconds=sent.longest_delay,
            left_over=await unsettled(self._pool, source.prefix),
            usage=used,
        )
        self._tell(describe(run))
        return run

    async def _settle(self, prefix: str, sent: Sent, seconds: float) -> None:
        end = sent.start + 2 * seconds + 10
        while time.time() < end and await unsettled(self._pool, prefix):  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.5)

    async def _rest(self) -> None:
        """Wait until our workers have settled what was left over and the stack rests, so that the next run starts from
        nothing: what an overloaded run leaves to exporter, importers and OpenSearch would burden the next one.
        """
        await self.drain()
        await rest(self._settings, self._tell)

    async def drain(self) -> None:
        """Wait until our workers have settled what was left over."""
        prefix = f"bench-{self._began}-"
        end = time.monotonic() + DRAIN_SECONDS
        while left := await unsettled(self._pool, prefix):
            if time.monotonic() > end:
                self._tell(f"{left} leads are still on their way after {DRAIN_SECONDS:.0f} s; the next run bears them")
                return
            await asyncio.sleep(0.5)


def describe(run: Run) -> str:
    """One run in one line."""
    found = run.figures
    latency = found.from_received
    shown = f"p50 {latency.p50:.3f} s, p95 {latency.p95:.3f} s, p99 {latency.p99:.3f} s" if latency else "none assigned"
    return (
        f"{run.side}, {run.purpose}: {found.rate:g} leads/s for {found.seconds:g} s, received → assigned {shown}, "
        f"settled {found.settled_per_second:.1f}/s, backlog {found.backlog_at_end}"
        f" ({found.backlog_growth:+.2f}/s): {'held' if found.held else 'not held'};"
        f" {run.cpu_per_lead * 1000:.0f} ms of processor a lead, {run.usage.others_cores:g} cores busy with other things"
    )


async def bench(settings: Settings, plan: Plan, report: Report, tell: Tell) -> None:
    """Measure the stack of these settings; its organisation must be loaded (`fairlead sample load`).

    Raises:
        NotServed: workers are missing; the message says what to do.
    """
    pool = await open_pool(settings.dsn, min_size=1, max_size=4)
    try:
        async with unlimited_reps(pool):
            await Bench(settings, pool, plan, tell).measure(report)
    finally:
        await pool.close()


@contextlib.asynccontextmanager
async def unlimited_reps(pool: Pool) -> AsyncIterator[None]:
    """Lift the capacities of all reps, and put them back afterwards."""
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT id, daily_capacity, open_capacity FROM routing.reps")
        before = [(row["daily_capacity"], row["open_capacity"], row["id"]) for row in await cursor.fetchall()]
        await connection.execute(
            "UPDATE routing.reps SET daily_capacity = %s, open_capacity = %s", (UNLIMITED, UNLIMITED)
        )
    try:
        yield
    finally:
        await _restore(pool, before)


async def _restore(pool: Pool, before: Sequence[tuple[int, int, str]]) -> None:
    async with pool.connection() as connection, connection.cursor() as cursor:
        await cursor.executemany(
            "UPDATE routing.reps SET daily_capacity = %s, open_capacity = %s WHERE id = %s", before
        )
