"""`fairlead bench viewers`: whether people who have the control room's pages open slow routing down.

On a stack of the benchmark's own with a large read model, leads come at a fixed rate, for the time that each needs, and then at a
rate that is too much, for how many a second are settled; in turns without and with viewers (A B B A), so that what the
machine does meanwhile burdens both.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from statistics import median

import psycopg

from workers.bench.control_room_cases import fill
from workers.bench.cpu import warm_up
from workers.bench.lead_routing import OURS, Bench, Run, unlimited_reps
from workers.bench.lead_routing import Plan as Leads
from workers.bench.serving import programs, ready
from workers.bench.viewing import Watched, viewing
from workers.gateway.pace import MOST_SECONDS
from workers.runtime.database import open_pool
from workers.runtime.deployment import read_models
from workers.settings import Settings

LEAST_PAGES = 0.75 / MOST_SECONDS
"""Pages that each viewer loads a second: with fewer nobody was there, as pages are told of changes at least so often."""
TARGET_SLOWER = 0.05
"""Share of the median time, and of the throughput."""
WARM_UP_RUNS, WARM_UP_SECONDS = 4, 20.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure."""

    viewers: int = 50
    instances: int = 100_000
    """In the read model, over 30 days, all of them over."""
    rate: float = 7.0
    """Leads a second, for the times."""
    seconds: float = 80.0
    """Of the first, and half of them of the second: both are longer than open pages may wait to be told of changes."""
    too_much: float = 30.0
    """Leads a second, for the throughput."""
    rounds: int = 2
    """Of each side."""


@dataclass(frozen=True, slots=True)
class Round:
    """One side once."""

    watched: Watched | None
    """None: nobody was there."""
    fixed: Run
    too_much: Run

    @property
    def p50(self) -> float:
        """Seconds from received to assigned, the median; infinite: nothing was assigned."""
        spread = self.fixed.figures.from_received
        return float("inf") if spread is None else spread.p50


@dataclass
class Report:
    """All rounds."""

    plan: Plan
    rounds: list[Round] = field(default_factory=list)

    def of(self, *, watched: bool) -> list[Round]:
        """The rounds of a side."""
        return [one for one in self.rounds if (one.watched is not None) == watched]

    @property
    def slower(self) -> float:
        """By which share of it the median time of a lead grows with viewers."""
        without, with_ = (median(one.p50 for one in self.of(watched=side)) for side in (False, True))
        return with_ / without - 1

    @property
    def fewer(self) -> float:
        """By which share of it the throughput falls with viewers."""
        without, with_ = (
            median(one.too_much.figures.settled_per_second for one in self.of(watched=side)) for side in (False, True)
        )
        return 1 - with_ / without

    @property
    def missed(self) -> list[str]:
        """Targets that were missed, in words."""
        found = [("the median lead is slower", self.slower), ("fewer leads a second are settled", self.fewer)]
        saw = [one.watched for one in self.rounds if one.watched is not None]
        pages = sum(one.pages for one in saw) / sum(one.seconds for one in saw)
        few = pages < LEAST_PAGES * self.plan.viewers
        return [f"{what} by {share:.1%}" for what, share in found if share > TARGET_SLOWER] + (
            [f"the machine had no room for the viewers: they loaded {pages:.1f} pages a second"] if few else []
        )


def as_json(report: Report, machine: Mapping[str, object], versions: Mapping[str, str]) -> dict[str, object]:
    """The whole report as plain JSON values; a share that is not finite, as nothing was assigned, is null."""
    shares = {"slower": report.slower, "fewer": report.fewer}
    return {
        "benchmark": "viewers",
        "machine": dict(machine),
        "versions": dict(versions),
        "plan": asdict(report.plan),
        "rounds": [_round_as_json(one) for one in report.rounds],
        **{name: share if math.isfinite(share) else None for name, share in shares.items()},
        "target": {
            "what": f"with viewers at most {TARGET_SLOWER:.0%} slower, and {TARGET_SLOWER:.0%} fewer a second",
            "met": not report.missed,
            "missed": report.missed,
        },
    }


def _round_as_json(one: Round) -> dict[str, object]:
    return asdict(one) | {
        name: asdict(run) | {"cpu_seconds_per_lead": run.cpu_per_lead}
        for name, run in (("fixed", one.fixed), ("too_much", one.too_much))
    }


async def bench(settings: Settings, plan: Plan, tell: Tell) -> Report:
    """Measure the stack of these settings; its organisation must be loaded.

    Raises:
        NotServed: workers are missing; the message says what to do.
        NotWatched: the pages could not be watched.
        NothingToDeploy: the models are not where the settings say.
    """
    report = Report(plan)
    pool = await open_pool(settings.dsn, min_size=1, max_size=4)
    try:
        await ready(settings)
        tell(f"putting {plan.instances:,} instances into the read model")
        await asyncio.to_thread(_fill, settings, plan.instances)
        async with unlimited_reps(pool):
            leads = Bench(settings, pool, Leads(plan.rate, plan.seconds), tell)

            async def once() -> None:
                await leads.run(OURS, "warm-up", plan.rate, WARM_UP_SECONDS, {})
                await leads.drain()

            await warm_up(programs(settings).get("camunda"), WARM_UP_RUNS, once, tell)
            for number in range(2 * plan.rounds):
                watched = number % 4 in {1, 2}
                report.rounds.append(await _round(settings, leads, plan, watched=watched))
    finally:
        await pool.close()
    return report


async def _round(settings: Settings, leads: Bench, plan: Plan, *, watched: bool) -> Round:
    with contextlib.ExitStack() as stack:
        saw = stack.enter_context(viewing(settings.gateway_url, plan.viewers)) if watched else []
        fixed = await leads.run(OURS, "fixed rate", plan.rate, plan.seconds, {})
        await leads.drain()
        too_much = await leads.run(OURS, "too much", plan.too_much, plan.seconds / 2, {})
        await leads.drain()
    return Round(saw[0] if saw else None, fixed, too_much)


def _fill(settings: Settings, instances: int) -> None:
    with psycopg.connect(settings.dsn, autocommit=True) as connection:
        fill(connection, instances, read_models(settings.models)["lead_routing.bpmn"].decode(), over=True)
