"""Chores go on whatever happens to one of them, and end when they should."""

from __future__ import annotations

import asyncio

import psycopg

from tests.unit.runtime.demo.waiting import until
from workers.runtime.errors import Unreachable
from workers.runtime.housekeeping import ended, regularly


async def test_a_chore_is_done_again_after_any_failure() -> None:
    failures: list[Exception] = [psycopg.OperationalError(), Unreachable(), KeyError("items")]
    done: list[int] = []

    async def chore() -> int:
        if failures:
            raise failures.pop()
        done.append(1)
        return 0

    doing = asyncio.create_task(regularly("demo", 0.01, chore))
    await until(lambda: len(done) >= 2, "the chore to be done again")
    doing.cancel()
    await asyncio.gather(doing, return_exceptions=True)


async def test_a_task_that_loses_a_cancellation_is_cancelled_again() -> None:
    began = asyncio.Event()
    lost = 0

    async def losing() -> None:
        nonlocal lost
        began.set()
        try:
            await asyncio.Event().wait()
        except (
            asyncio.CancelledError
        ):  # as asyncio.wait_for did before Python 3.12, when its result came together with it
            lost += 1
        await asyncio.Event().wait()

    task = asyncio.create_task(losing())
    await began.wait()
    await ended([task])
    assert task.cancelled()
    assert lost == 1
