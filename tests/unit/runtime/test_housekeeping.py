"""Tasks end, even those that lose a cancellation."""

from __future__ import annotations

import asyncio

from workers.runtime.housekeeping import ended


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


async def test_what_a_task_ended_with_is_left_to_who_asks() -> None:
    async def failing() -> None:
        raise ValueError("a reason")

    task = asyncio.create_task(failing())
    await ended([task, asyncio.create_task(asyncio.sleep(3600))])
    assert str(task.exception()) == "a reason"
