"""How open pages are told of changes, how figures are shared among them, and what both may cost."""

from __future__ import annotations

import asyncio
import time

import pytest

from workers.gateway import live
from workers.gateway.live import FRESH_SECONDS, Live, Shared, TooManyViewers
from workers.gateway.pace import BUSY_SHARE, MOST_SECONDS, PAGE_SECONDS, Pace
from workers.runtime.database import Pool


class Machine:
    """A machine and its clock, as a test sets them."""

    idle = 1.0
    now = 1_000.0

    def pace(self) -> Pace:
        return Pace(lambda: self.idle, lambda: self.now)


def seconds_until_settled(machine: Machine, pace: Pace) -> float:
    began = machine.now
    while not pace.settle():
        machine.now += 0.1
    return machine.now - began


async def test_a_change_is_told_to_every_open_page_once(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.02)
    told = Live(pool, Pace())
    viewers = [told.events() for _ in range(5)]
    assert all([(await anext(viewer)).startswith("retry") for viewer in viewers])
    nexts = [asyncio.ensure_future(anext(viewer)) for viewer in viewers]
    async with pool.connection() as connection:
        await connection.execute("INSERT INTO control.cursors VALUES ('INCIDENT', 1, 5)")

    async def changes() -> None:  # the first look may come after the first change
        number = 5
        while not all(one.done() for one in nexts):
            number += 1
            async with pool.connection() as connection:
                await connection.execute("UPDATE control.cursors SET sequence = %s", (number,))
            await asyncio.sleep(0.05)

    async with asyncio.timeout(30):
        await changes()
    assert all(one.result().startswith("event: changed") for one in nexts)
    waiting = [asyncio.ensure_future(anext(viewer, "")) for viewer in viewers]
    await told.close()
    ended = await asyncio.wait_for(asyncio.gather(*waiting), 30)
    assert all(one == "" or one.startswith("event") for one in ended)
    for viewer in viewers:
        await viewer.aclose()  # type: ignore[attr-defined]  # an asynchronous generator has it


async def test_so_many_viewers_and_no_more(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "VIEWERS", 1)
    told = Live(pool, Pace())
    first = told.events()
    await anext(first)
    with pytest.raises(TooManyViewers):
        await anext(told.events())
    await first.aclose()  # type: ignore[attr-defined]  # an asynchronous generator has it
    second = told.events()
    assert (await anext(second)).startswith("retry")
    await second.aclose()  # type: ignore[attr-defined]  # see above


async def test_figures_for_many_are_read_once_and_a_failure_is_not_kept() -> None:
    shared, asked = Shared(Pace()), []

    async def read() -> int:
        asked.append(1)
        await asyncio.sleep(0.05)
        if len(asked) == 1:
            raise LookupError
        return len(asked)

    with pytest.raises(LookupError):
        await shared.get("figures", read)
    assert await asyncio.gather(*(shared.get("figures", read) for _ in range(50))) == [2] * 50


async def test_what_is_stale_is_given_at_once_and_read_again_beside_it() -> None:
    shared, begun, may_end = Shared(Pace()), 0, asyncio.Event()

    async def read() -> int:
        nonlocal begun
        begun += 1
        number = begun
        if number > 1:
            await may_end.wait()
        return number

    assert await shared.get("month", read, fresh=60) == 1
    shared._kept["month"].asked_at -= 100  # as if so many seconds had passed
    assert [await shared.get("month", read, fresh=60) for _ in range(5)] == [1] * 5
    assert shared._kept["month"].next is not None
    may_end.set()
    await shared._kept["month"].next
    assert await shared.get("month", read, fresh=60) == 2
    shared._kept["month"].asked_at -= 1_000  # too long ago: it is waited for
    assert await shared.get("month", read, fresh=60) == 3


def test_on_an_idle_machine_pages_are_told_at_once_and_on_a_busy_one_when_their_cost_is_paid_off() -> None:
    machine = Machine()
    idle = machine.pace()
    idle._cores = 2
    assert idle.settle()
    idle.told(1)
    idle.spent(0.1)
    assert seconds_until_settled(machine, idle) < 1
    machine.idle = 0.0
    busy = machine.pace()
    busy._cores = 2
    machine.now += 2
    assert busy.settle()
    busy.told(50)
    assert seconds_until_settled(machine, busy) == pytest.approx(50 * PAGE_SECONDS / (2 * BUSY_SHARE), abs=0.3)


def test_pages_are_told_after_half_a_minute_whatever_it_costs() -> None:
    machine = Machine()
    machine.idle = 0.0
    pace = machine.pace()
    pace.told(200)
    pace.spent(1_000)
    assert seconds_until_settled(machine, pace) == pytest.approx(MOST_SECONDS, abs=0.3)


async def test_on_a_busy_machine_figures_are_read_once_for_each_time_that_pages_are_told() -> None:
    machine = Machine()
    machine.idle = 0.0
    pace = machine.pace()
    shared, asked = Shared(pace), 0

    async def read() -> int:
        nonlocal asked
        asked += 1
        return asked

    pace.told(50)
    machine.now += 2
    pace.spent(1)
    assert [await shared.get("today", read) for _ in range(50)] == [1] * 50
    machine.now += 2 * FRESH_SECONDS
    assert await shared.get("today", read) == 1, "old, but there is no room for newer ones"
    pace.told(50)
    machine.now += 0.1
    assert await shared.get("today", read) == 2, "who is told of a change sees it"
    pace.told(0)
    machine.idle = 1.0
    machine.now += MOST_SECONDS
    assert await shared.get("today", read) == 3
    shared.forget("today")
    assert await shared.get("today", read) == 4


async def test_a_page_is_told_how_long_a_change_had_to_wait(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(live, "SLOW_SECONDS", 0.6)
    machine = Machine()
    machine.idle = 0.0
    pace = machine.pace()
    pace.spent(1_000)
    pace.told_at = machine.now
    told = Live(pool, pace)
    viewer = told.events()
    await anext(viewer)
    waiting, began = asyncio.ensure_future(anext(viewer)), time.monotonic()
    async with asyncio.timeout(60):
        for number in range(50):
            async with pool.connection() as connection:
                await connection.execute(
                    "INSERT INTO control.cursors VALUES ('INCIDENT', 1, %s)"
                    " ON CONFLICT (value_type, partition) DO UPDATE SET sequence = excluded.sequence",
                    (number,),
                )
            await asyncio.sleep(0.04)
        assert not waiting.done()
        machine.now += MOST_SECONDS
        seconds = int((await waiting).split("data: ")[1])
        assert 1 <= seconds <= time.monotonic() - began + 1
    await viewer.aclose()  # type: ignore[attr-defined]  # an asynchronous generator has it
