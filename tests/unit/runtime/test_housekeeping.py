"""Chores go on whatever happens to one of them."""

from __future__ import annotations

import asyncio

import psycopg

from tests.unit.runtime.demo.waiting import until
from workers.runtime.errors import Unreachable
from workers.runtime.housekeeping import regularly


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
