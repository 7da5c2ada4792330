"""The tasks of the study: what starts them, the scripts that do them by hand, and when they are done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow

from workers.bench.sending import open_loop, poster, unsettled
from workers.forecast_review.loading import SAMPLE as FORECASTS
from workers.gateway import forecast_commands, quota_commands, territory_commands
from workers.runtime.database import Pool
from workers.sample.door import client
from workers.sample.leads import LeadSource
from workers.sample.organisation import accounts
from workers.settings import Settings
from workers.territory_alignment.loading import SAMPLE as TERRITORIES

LEADS = 100
ACTOR = "bench"
QUOTAS, PERIOD = "field", "2027"
"""The sample's organisation for quotas (`fairlead sample load`), and the period that it plans."""

Finished = Callable[[], Awaitable[bool]]


class NotDone(Exception):
    """A task did not come to its end; the message says how far it was."""


@dataclass(frozen=True)
class Asked:
    """Work that was asked for."""

    finished: Finished
    """Says whether it is done."""
    business_id: str | None = None
    """The case whose process is to be ended afterwards, as people would have to go on; None: nothing is left."""


@dataclass(frozen=True)
class Case:
    """One task of the study."""

    name: str
    process: str
    what: str
    """Of which until when is measured."""
    study: tuple[float, float]
    """What the study reports for scripts and for the orchestrated process, in its own unit."""
    steps: tuple[str, ...]
    """Tasks of the process in its order: a script each."""
    start: Callable[[Settings, Pool], Awaitable[Asked]]
    """Asks for the work."""


async def _leads(settings: Settings, pool: Pool) -> Asked:
    source = LeadSource(1, accounts(1), f"study-{time.time_ns()}")
    bodies = [source.lead(index).body for index in range(LEADS)]
    async with client(settings, timeout_seconds=30, connections=LEADS) as http:
        sent = await open_loop(poster(http), bodies, [0.0] * LEADS)
    taken = sum(count for answer, count in sent.answers.items() if answer.startswith("2"))
    if taken < LEADS:
        raise NotDone(f"the gateway took {taken} of {LEADS} leads: {dict(sent.answers)}")

    async def finished() -> bool:
        return not await unsettled(pool, source.prefix)

    return Asked(finished)


async def _forecast(_: Settings, pool: Pool) -> Asked:
    async with _alone(pool, "forecasting.reviews") as connection:
        forecast_id, _new = await forecast_commands.start(connection, FORECASTS, actor=ACTOR)
    return _noted(pool, forecast_id, "reviews_opened")


async def _territories(_: Settings, pool: Pool) -> Asked:
    async with _alone(pool, "territories.alignments") as connection:
        alignment_id, _new = await territory_commands.start(connection, TERRITORIES, "yearly", actor=ACTOR)
    return _noted(pool, alignment_id, "looks_opened")


async def _quotas(_: Settings, pool: Pool) -> Asked:
    async with _alone(pool, "quotas.reviews") as connection:
        quota_id, _new = await quota_commands.start(connection, QUOTAS, PERIOD, actor=ACTOR)
    return _noted(pool, quota_id, "approvals_listed")


@asynccontextmanager
async def _alone(pool: Pool, table: str) -> AsyncIterator[AsyncConnection[DictRow]]:
    """A connection, once nothing of the table is open: what an earlier turn left would be joined, or stand in the way."""
    async with pool.connection() as connection:
        statement = sql.SQL("UPDATE {} SET state = 'withdrawn' WHERE state = 'open'")
        await connection.execute(statement.format(sql.Identifier(*table.split("."))))
        yield connection


def _noted(pool: Pool, business_id: str, action: str) -> Asked:
    async def finished() -> bool:
        async with pool.connection() as connection:
            found = await connection.execute(
                "SELECT FROM runtime.timeline WHERE business_id = %s AND action = %s", (business_id, action)
            )
            return found.rowcount > 0

    return Asked(finished, business_id)


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
    Case(
        "territory planning",
        "territory_alignment",
        "the sample's 160 accounts and 8 reps, from asking for an alignment until managers are asked; the search has 10 s",
        (29.3, 10.8),
        _types(
            "territory_alignment", "open_alignment", "collect_territories", "solve_territories", "weigh_changes",
            "open_looks",
        ),
        _territories,
    ),
    Case(
        "quota setting",
        "quota_approval",
        "the sample's 20 reps, from asking for quotas until it stands who must approve which",
        (18.6, 6.1),
        _types(
            "quota_approval", "open_quotas", "collect_inputs", "plan_quotas", "find_undecided", "read_quotas",
            "note_levels", "list_approvals",
        ),
        _quotas,
    ),
)  # fmt: skip


async def until(finished: Finished, seconds: float, step: float = 0.1) -> bool:
    """Wait for it; False if it took longer."""
    end = time.monotonic() + seconds
    while not await finished():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(step)
    return True
