"""kill -9 of every process in turn while leads are under way: nothing is lost, nothing is done twice."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
import zlib
from collections import Counter
from collections.abc import Sequence

import psycopg
import pytest

from tests.stack import reckoning
from tests.stack.office import PROCESS, Office
from workers.engine.errors import UnreachableError
from workers.sample.leads import LeadSource
from workers.sample.organisation import accounts

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

VICTIMS = ("worker", "dispatcher", "postgres", "camunda", "gateway")
LEADS_EACH = 25
AT_A_TIME = 5
PAUSE_SECONDS = 0.3
"""Between two batches: about ten leads a second, so that a kill finds some under way."""
BACK_SECONDS = 480
"""Until everything is ready again, or at rest, on a slow machine."""


class Load:
    """Leads that come in, and people who answer, whatever happens to the stack."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.ids: list[str] = []
        self.stopping = False
        self.answered: Counter[str] = Counter()

    async def feed(self, leads: Sequence[dict[str, object]]) -> None:
        for start in range(0, len(leads), AT_A_TIME):
            self.ids += await self.office.send(*leads[start : start + AT_A_TIME])
            await asyncio.sleep(PAUSE_SECONDS)  # the rate, no condition

    async def people(self) -> None:
        """Owners take half of their leads, refuse a third, and leave the others alone; triage discards."""
        seen: set[int] = set()
        while not self.stopping:
            try:
                tasks = await self.office.camunda.user_tasks(limit=200)
            except UnreachableError:
                tasks = []
            for task in tasks:
                if task.process_id != PROCESS or task.key in seen or task.element_id == "correct_lead":
                    continue
                if task.element_id == "accept_lead" and _luck(task.key) == 0:
                    continue
                if await self.office.answer(task, **self._reply(task.element_id, task.key)):
                    seen.add(task.key)
                    self.answered[task.element_id] += 1
            await asyncio.sleep(0.5)

    async def some_accepted(self) -> bool:
        return self.answered["accept_lead"] > 0

    @staticmethod
    def _reply(element_id: str, key: int) -> dict[str, object]:
        if element_id == "accept_lead":
            refuses = _luck(key) in {1, 2}
            reply = "reject" if refuses else "accept"
            return {"owner_response": reply, "reject_reason": "no_time" if refuses else None, "reject_note": None}
        kind = "triage" if element_id == "triage_lead" else "manager"
        return {f"{kind}_outcome": "discard", "chosen_owner": None, f"{kind}_note": "not worth a call"}


def _luck(key: int) -> int:
    """From 0 to 5, the same for a task whenever it is seen."""
    return zlib.crc32(str(key).encode()) % 6


async def kill(office: Office, name: str) -> float:
    """SIGKILL to a program; the seconds until everything was ready again."""
    pid = office.stack.pid(name)
    assert pid, f"{name} does not run"
    began = time.monotonic()
    os.kill(pid, signal.SIGKILL)

    async def back() -> bool:
        return office.stack.pid(name) != pid and await office.stack.healthy()

    await office.until(back, f"supervision to bring {name} back", within=BACK_SECONDS)
    return time.monotonic() - began


async def under_way(office: Office, prefix: str) -> int:
    """How many leads the system has to do something for right now."""
    query = """SELECT count(*) AS n FROM routing.leads WHERE starts_with(external_id, %s)
        AND state IN ('received', 'registered')"""
    try:
        return int((await office.rows(query, prefix))[0]["n"])
    except psycopg.OperationalError:
        return 0


async def test_nothing_is_lost_or_done_twice(office: Office) -> None:
    source = LeadSource(secrets.randbelow(10**6), accounts(1), "killing")
    load = Load(office)
    people = asyncio.create_task(load.people())
    began, seconds = time.monotonic(), {}
    try:
        for number, victim in enumerate(VICTIMS):
            bodies = [source.lead(number * LEADS_EACH + index).body for index in range(LEADS_EACH)]
            feeding = asyncio.create_task(load.feed(bodies))
            await office.until(lambda: under_way(office, source.prefix), "leads to be under way")
            seconds[victim] = round(await kill(office, victim), 1)
            await asyncio.wait_for(feeding, BACK_SECONDS)
        await office.quiet(load.ids, within=BACK_SECONDS)
        # Tasks reach the search by way of OpenSearch, which is the first to wait where processors are short.
        await office.until(load.some_accepted, "people to have accepted some lead", within=BACK_SECONDS)
    finally:
        load.stopping = True
        await people
    left = await reckoning.at_rest(office, within=BACK_SECONDS)
    leads = await office.rows("SELECT * FROM routing.leads WHERE starts_with(external_id, %s)", source.prefix)
    print(  # noqa: T201 - what a run gave is worth seeing, pytest shows it with -s or on failure
        f"\n{len(leads)} leads, seed {source.prefix}, {time.monotonic() - began:.0f} s; back after (s): {seconds}; "
        f"answered: {dict(load.answered)}; states: {reckoning.by_state(leads)}; "
        f"mails that came again: {reckoning.repeated_mails(office)}"
    )
    assert left == []
    assert len(load.ids) == LEADS_EACH * len(VICTIMS)
    assert {lead["lead_id"] for lead in leads} == set(load.ids)
    assert {lead["state"] for lead in leads} <= reckoning.ENDED | reckoning.WAITING_FOR.keys() | {"queued"}
    states = {lead["state"] for lead in leads}
    assert {"accepted", "assigned"} <= states, "people were at work all the time"
    assert "triage" in states or load.answered["triage_lead"], "some leads were for triage, answered or not"
