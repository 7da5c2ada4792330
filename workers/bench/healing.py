"""`fairlead bench healing`: what is healed without a person, how soon, and that it is self-healing which does it.

Each fault is made on a full local stack, by the shipped rules. First self-healing is off: the cause goes away, and for a while is
counted what goes on by itself. Then it is switched on, and timed from there until each case goes on; its rounds, the pauses of
the rules (most of which are over by then) and Camunda's search are in these times.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from statistics import fmean

from workers.chaos.stage import furnish
from workers.healing import switch
from workers.operations.audit import Actor
from workers.operations.camunda import OperationsRest
from workers.runtime.database import Pool, open_pool
from workers.runtime.zeebe import ZeebeClient
from workers.sample.door import Door, client
from workers.settings import Settings

LOOK_SECONDS = 0.5
LOOKED_AT = 5_000
AWAY = "Gave up after the last try: The CRM did not answer (TimeoutError); it is asked again. When the cause is mended, retry this incident."
"""As the runtime says it (`workers.runtime.answers`)."""
JOB = "healing_bench"
DIAGRAM = f"""<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
    xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" targetNamespace="fairlead">
<bpmn:process id="{JOB}" isExecutable="true">
<bpmn:startEvent id="start"><bpmn:outgoing>f1</bpmn:outgoing></bpmn:startEvent>
<bpmn:sequenceFlow id="f1" sourceRef="start" targetRef="call"/>
<bpmn:serviceTask id="call"><bpmn:extensionElements><zeebe:taskDefinition type="{JOB}"/>
</bpmn:extensionElements><bpmn:incoming>f1</bpmn:incoming></bpmn:serviceTask>
</bpmn:process></bpmn:definitions>"""
US = Actor("bench", "A benchmark.")

Tell = Callable[[str], None]
Moved = Callable[[], Awaitable[Collection[str]]]
"""Which of the cases go on."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure."""

    cases: int = 40
    """Jobs that fail, and leads that come in."""
    without_seconds: float = 60.0
    """How long is looked at what goes on while self-healing is off."""
    settle_seconds: float = 60.0
    """How long is waited at most until a fault is as it was meant: Camunda's search shows all incidents, all leads are given."""
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
        await furnish(settings, 8 * plan.cases)
        async with OperationsRest(settings) as board, ZeebeClient(settings) as engine, client(settings) as http:
            outage = await _outage(plan, board, engine, pool, tell)
            return [outage, await _departure(plan, Door(http), pool, tell)]
    finally:
        await pool.close()


async def _outage(plan: Plan, board: OperationsRest, engine: ZeebeClient, pool: Pool, tell: Tell) -> Result:
    """Jobs of a small process are given up as a worker gives them up whose dependency stayed away; then it is back.

    The dependencies of our own processes have breakers, behind which jobs wait without using up tries: few incidents are left
    of an outage, too few to measure.
    """
    await switch.turn(pool, US, on=False)
    tell(f"{plan.cases} jobs use up their tries")
    await engine.deploy({f"{JOB}.bpmn": DIAGRAM.encode()})
    for _ in range(plan.cases):
        await engine.start(JOB, {})
    failed = set[str]()
    while len(failed) < plan.cases:
        for key in await _jobs(engine):
            await engine.fail(int(key), retries=0, message=AWAY)
            failed.add(key)

    async def seen() -> bool:
        return len([one for one in await board.open_incidents(LOOKED_AT) if one.process == JOB]) == plan.cases

    await _until(seen, plan)
    done = set[str]()

    async def served() -> Collection[str]:
        for key in await _jobs(engine):
            await engine.complete(int(key), "{}")
            done.add(key)
        return done & failed

    return await _measure("Tries used up on a dependency that was away, and is back", failed, plan, pool, tell, served)


async def _jobs(engine: ZeebeClient) -> list[str]:
    found = await engine.activate(JOB, worker="bench", timeout_seconds=60, variables=[], at_most=100)
    return [str(job.key) for job in found]


async def _departure(plan: Plan, door: Door, pool: Pool, tell: Tell) -> Result:
    """Of the reps who are asked for leads every other one leaves before answering."""
    sent = [await _send(door, number) for number in range(plan.cases)]

    async def all_owned() -> bool:
        return len(await _owned(pool, sent)) == len(sent)

    await _until(all_owned, plan)  # some may wait for a person instead
    await switch.turn(pool, US, on=False)
    async with pool.connection() as connection:
        query = "SELECT owner_id, lead_id FROM routing.leads WHERE state = 'assigned' AND lead_id = ANY(%s) ORDER BY owner_id"
        rows = await (await connection.execute(query, (sent,))).fetchall()
        leaving = sorted({str(row["owner_id"]) for row in rows})[::2]
        await connection.execute("UPDATE routing.reps SET active = false WHERE id = ANY(%s)", (leaving,))
    leads = {str(row["lead_id"]) for row in rows if row["owner_id"] in leaving}
    tell(f"{len(leaving)} reps, who were asked for {len(leads)} of {len(rows)} leads, leave")
    return await _measure(
        "Owner left before answering", leads, plan, pool, tell, lambda: _owned(pool, leads, but=leaving)
    )


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


async def _send(door: Door, number: int) -> str:
    body = {
        "source": "web_form", "external_id": f"healing-{number}", "name": f"Person {number}",
        "email": f"person@company-{number}.example", "company": f"Company {number}", "country": "DE", "language": "de",
        "product": "core", "employees": 200,
    }  # fmt: skip
    answer = await door.post("/v1/leads", body)
    return str(answer.json()["lead_id"])


async def _until(holds: Callable[[], Awaitable[bool]], plan: Plan) -> None:
    """Wait for it, but not for ever."""
    began = time.monotonic()
    while time.monotonic() - began < plan.settle_seconds:
        if await holds():
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _owned(pool: Pool, leads: Collection[str], but: Collection[str] = ()) -> set[str]:
    """Those that somebody was asked for, other than `but`."""
    query = "SELECT lead_id FROM routing.leads WHERE lead_id = ANY(%s) AND state = 'assigned' AND owner_id <> ALL(%s)"
    async with pool.connection() as connection:
        rows = await (await connection.execute(query, (list(leads), list(but)))).fetchall()
    return {str(row["lead_id"]) for row in rows}
