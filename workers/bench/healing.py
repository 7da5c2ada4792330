"""`fairlead bench healing`: what is healed without a person, how soon, and that it is self-healing which does it.

Each fault is made on a full local stack, by the shipped rules. First self-healing is off: the cause goes away, and for a while is
counted what goes on by itself. Then it is switched on, and timed from there until each case goes on; its rounds, the pauses of
the rules (most of which are over by then) and Camunda's search are in these times.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import fmean

import psycopg

from workers.chaos.stage import furnish
from workers.healing import switch
from workers.operations import incidents
from workers.operations.audit import Actor
from workers.operations.camunda import OperationsRest
from workers.operations.model import Incident
from workers.runtime.database import Pool, open_pool
from workers.sample.door import Door, client
from workers.settings import Settings

LOOK_SECONDS = 0.5
STEADY_SECONDS = 30.0
"""No new incident for so long: the fault has done what it does."""
US = Actor("bench", "A benchmark.")

Tell = Callable[[str], None]
Moved = Callable[[], Awaitable[Collection[str]]]
"""Which of the cases go on."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure."""

    leads: int = 40
    without_seconds: float = 60.0
    """How long is looked at what goes on while self-healing is off."""
    patience_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Result:
    """One fault: how many cases it stopped, how many went on without and with self-healing, and after how long (seconds)."""

    fault: str
    cases: int
    without: int
    healed: int
    mean: float | None
    slowest: float | None


async def bench(settings: Settings, plan: Plan, tell: Tell) -> list[Result]:
    """Every fault, one after the other, on a running stack of its own.

    Raises:
        psycopg.Error, UnreachableError: the stack went away.
    """
    pool = await open_pool(settings.dsn, min_size=1, max_size=4)
    try:
        await furnish(settings, 8 * plan.leads)
        async with OperationsRest(settings) as board, client(settings) as http:
            leads = await _outage(settings, plan, Door(http), board, pool, tell)
            return [leads, await _departure(plan, pool, tell)]
    finally:
        await pool.close()


async def _outage(settings: Settings, plan: Plan, door: Door, board: OperationsRest, pool: Pool, tell: Tell) -> Result:
    """The CRM answers nobody until every usual try is used up."""
    await switch.turn(pool, US, on=False)
    tell(f"the CRM falls silent; {plan.leads} leads come in")
    async with _silent_crm(settings):
        sent = [await _send(door, number) for number in range(plan.leads)]
        stopped = await _until_steady(board, sent, pool)
    tell(f"{len(stopped)} of them ended with an incident; the CRM answers again")
    return await _measure(
        "CRM away until incidents arose, then back", stopped, plan, pool, tell, lambda: _owned(pool, stopped)
    )


async def _departure(plan: Plan, pool: Pool, tell: Tell) -> Result:
    """The rep who has most of the leads leaves before answering for them."""
    query = """
        SELECT owner_id, array_agg(lead_id) AS leads FROM routing.leads WHERE state = 'assigned'
        GROUP BY owner_id ORDER BY count(*) DESC, owner_id LIMIT 1
    """
    async with pool.connection() as connection:
        row = await (await connection.execute(query)).fetchone()
        assert row is not None  # leads were assigned before
        await switch.turn(pool, US, on=False)
        await connection.execute("UPDATE routing.reps SET active = false WHERE id = %s", (row["owner_id"],))
    left, leads = str(row["owner_id"]), set(row["leads"])
    tell(f"{left}, who was asked for {len(leads)} of them, leaves")
    return await _measure("Owner left before answering", leads, plan, pool, tell, lambda: _owned(pool, leads, but=left))


async def _measure(fault: str, cases: Collection[str], plan: Plan, pool: Pool, tell: Tell, moved: Moved) -> Result:
    await asyncio.sleep(plan.without_seconds)
    without = len(await moved())
    tell(
        f"{fault}: {without} of {len(cases)} went on within {plan.without_seconds:g} s without self-healing; it is switched on"
    )
    await switch.turn(pool, US, on=True)
    began, times = time.monotonic(), dict[str, float]()
    while len(times) < len(cases) and time.monotonic() - began < plan.patience_seconds:
        for case in await moved():
            times.setdefault(case, time.monotonic() - began)
        await asyncio.sleep(LOOK_SECONDS)
    taken = list(times.values()) if not without else sorted(times.values())[without:]
    return Result(
        fault, len(cases), without, len(times), fmean(taken) if taken else None, max(taken) if taken else None
    )


@asynccontextmanager
async def _silent_crm(settings: Settings) -> AsyncIterator[None]:
    """Nobody gets an answer from the CRM's tables."""
    async with await psycopg.AsyncConnection.connect(settings.dsn) as connection:
        await connection.execute("LOCK TABLE crm.accounts, crm.leads IN ACCESS EXCLUSIVE MODE")
        yield
        await connection.rollback()


async def _send(door: Door, number: int) -> str:
    body = {
        "source": "web_form", "external_id": f"healing-{number}", "name": f"Person {number}",
        "email": f"person@company-{number}.example", "company": f"Company {number}", "country": "DE", "language": "de",
        "product": "core", "employees": 200,
    }  # fmt: skip
    answer = await door.post("/v1/leads", body)
    return str(answer.json()["lead_id"])


async def _until_steady(board: OperationsRest, sent: Collection[str], pool: Pool) -> set[str]:
    """The leads that ended with an incident, once there come no more."""
    known, since = set[str](), time.monotonic()
    while len(known) < len(sent) and (not known or time.monotonic() - since < STEADY_SECONDS):
        found = {one.business_id for one in await _named(board, pool)} & set(sent)
        if found - known:
            known, since = known | found, time.monotonic()
        await asyncio.sleep(LOOK_SECONDS)
    return known


async def _named(board: OperationsRest, pool: Pool) -> list[Incident]:
    return await incidents.named(pool, board, await board.open_incidents(incidents.LOOKED_AT))


async def _owned(pool: Pool, leads: Collection[str], but: str = "") -> set[str]:
    """Those that somebody was asked for, other than `but`."""
    query = "SELECT lead_id FROM routing.leads WHERE lead_id = ANY(%s) AND state = 'assigned' AND owner_id <> %s"
    async with pool.connection() as connection:
        rows = await (await connection.execute(query, (list(leads), but))).fetchall()
    return {str(row["lead_id"]) for row in rows}
