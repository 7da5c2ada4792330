"""The tasks of the study: what starts them, the scripts that do them by hand, and when they are done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from workers.bench.sending import open_loop, poster, unsettled
from workers.forecast_review.loading import SAMPLE
from workers.gateway import forecast_commands
from workers.runtime.database import Pool
from workers.sample.door import client
from workers.sample.leads import LeadSource
from workers.sample.organisation import accounts
from workers.settings import Settings

LEADS = 100
ACTOR = "bench"

Finished = Callable[[], Awaitable[bool]]


@dataclass(frozen=True)
class Case:
    """One task of the study."""

    name: str
    process: str
    what: str
    """Of which until when is measured."""
    study: tuple[float, float]
    """What the study reports for scripts and for the orchestrated process, in its own unit."""
    steps: tuple[str, ...] = ()
    """Tasks of the process in its order: a script each."""
    start: Callable[[Settings, Pool], Awaitable[Finished]] | None = None
    """Asks for the work and gives what says whether it is done; None: the process has no case yet."""


async def _leads(settings: Settings, pool: Pool) -> Finished:
    source = LeadSource(1, accounts(1), f"study-{time.time_ns()}")
    bodies = [source.lead(index).body for index in range(LEADS)]
    async with client(settings, timeout_seconds=30, connections=LEADS) as http:
        sent = await open_loop(poster(http), bodies, [0.0] * LEADS)
    taken = sum(count for answer, count in sent.answers.items() if answer.startswith("2"))
    if taken < LEADS:
        raise RuntimeError(f"the gateway took {taken} of {LEADS} leads: {dict(sent.answers)}")

    async def finished() -> bool:
        return not await unsettled(pool, source.prefix)

    return finished


async def _forecast(settings: Settings, pool: Pool) -> Finished:
    async with pool.connection() as connection:
        # A review that an earlier turn left open would be joined.
        await connection.execute("UPDATE forecasting.reviews SET state = 'withdrawn' WHERE state = 'open'")
        forecast_id, _ = await forecast_commands.start(connection, SAMPLE, actor=ACTOR)

    async def finished() -> bool:
        async with pool.connection() as connection:
            found = await connection.execute(
                "SELECT FROM runtime.timeline WHERE business_id = %s AND action = 'reviews_opened'", (forecast_id,)
            )
            return found.rowcount > 0

    return finished


def _types(process: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{process}.{name}" for name in names)


CASES = (
    Case(
        "lead assignment",
        "lead_routing",
        f"{LEADS} leads sent at once, until the last has an owner or waits for a person",
        (12.4, 3.2),
        _types(
            "lead_routing", "register_lead", "merge_duplicate", "match_account", "enrich_lead", "score_lead",
            "suggest_owners", "assign_owner", "queue_lead", "write_owner", "notify_owner",
        ),
        _leads,
    ),
    Case(
        "forecast",
        "forecast_review",
        "the sample's sales, from asking for a review until people are asked",
        (45.8, 19.5),
        _types(
            "forecast_review", "open_review", "collect_history", "check_history", "repair_history", "fit_forecast",
            "explain_forecast", "read_segments", "note_needs", "list_reviews", "open_reviews",
        ),
        _forecast,
    ),
    Case("territory planning", "territory_alignment", "", (29.3, 10.8)),
    Case("quota setting", "quota_approval", "", (18.6, 6.1)),
)  # fmt: skip


async def until(finished: Finished, seconds: float, step: float = 0.1) -> bool:
    """Wait for it; False if it took longer."""
    end = time.monotonic() + seconds
    while not await finished():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(step)
    return True
