"""The planner's child: out of time or memory, rules that clash, those who are not concerned."""

from __future__ import annotations

import asyncio
import json
import zlib

import pytest

from tests.process.quotas import PERIOD, rules, tables
from workers.quota_approval.planning.child import Order, work
from workers.quota_approval.planning.errors import ClashError, InputError
from workers.runtime.children import child

CHILD = "workers.quota_approval.planning.child"


def packed() -> bytes:
    return zlib.compress(json.dumps(tables()).encode())


def order(
    *, memory_mb: int = 4_000, held: dict[str, int] | None = None, concerned: tuple[str, ...] = (), **changes: object
) -> Order:
    given = rules(**changes) | {"period": PERIOD, "currency": "EUR"}
    return Order(size=len(packed()), memory_mb=memory_mb, rules=given, held=held, concerned=concerned)


def test_who_is_not_concerned_keeps_the_quota() -> None:
    held = {"a1": 5_000_000, "a2": 6_400_000, "b1": 5_600_000, "b2": 5_800_000}
    plan = work(order(held=held, concerned=("A",)), packed())
    assert [plan.quota(node) for node in ("b1", "b2", "B")] == [5_600_000, 5_800_000, 11_400_000]
    assert plan.quota("a1") == plan.quota("a2") == 5_700_000


def test_rules_that_cannot_be_used_or_clash_are_told() -> None:
    with pytest.raises(InputError, match="rules: target"):
        work(order(target="much"), packed())
    with pytest.raises(ClashError, match="the cap of"):
        work(order(limits={"rep": {"cap": 50_000}}), packed())


async def test_too_little_memory_is_an_answer() -> None:
    given = order(memory_mb=1)
    async with child(CHILD) as planning, asyncio.timeout(120):
        assert planning.stdin is not None
        assert planning.stdout is not None
        planning.stdin.write(given.to_line() + packed())
        line = await planning.stdout.readline()
        said = json.loads(line) if line else None
        assert said is None or said["error"] == "the plan needs more than 1 MB"


async def test_the_child_ends_when_who_asked_is_gone() -> None:
    async with child(CHILD) as planning, asyncio.timeout(120):
        assert planning.stdin is not None
        planning.stdin.write(order().to_line() + packed())
        planning.stdin.close()
        assert await planning.wait() != 0
