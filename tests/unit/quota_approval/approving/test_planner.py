"""The planner's child: out of time or memory, rules that clash, those who are not concerned."""

from __future__ import annotations

import asyncio
import json
import zlib
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.process.quotas import PERIOD, rules, tables
from workers.quota_approval.adapters.book import PostgresQuotaBook
from workers.quota_approval.adapters.inputs import PostgresInputDesk
from workers.quota_approval.adapters.loading import load
from workers.quota_approval.adapters.planning import ProcessPlanner
from workers.quota_approval.domain.reviews import Organisation
from workers.quota_approval.planning.child import Order, work
from workers.quota_approval.planning.errors import ClashError, InputError
from workers.quota_approval.ports.planning import PlanImpossible
from workers.runtime import discovery, unit
from workers.runtime.children import child
from workers.runtime.database import Pool
from workers.runtime.resources import Resources
from workers.runtime.work import JobInfo
from workers.settings import Settings

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


@pytest.mark.parametrize(
    ("limits", "why"),
    [({"seconds": 0.01}, "no plan was found within 0 seconds"), ({"memory_mb": 1}, "more than 1 MB|more memory")],
)
async def test_too_little_time_or_memory_is_an_answer(pool: Pool, limits: dict[str, Any], why: str) -> None:
    organisation = Organisation("field", "Field", "EUR", "UTC", "US", ("crm",), {}, rules(), None)
    job = JobInfo("quota_approval.plan_quotas", "plan_quotas", "field-1", "", 1, 1, 1, 1)
    async with pool.connection() as connection:
        await load(connection, organisation, tables(), [])
        work = unit.JobWork(job, discovery.find(job.job_type), Resources(Settings(), pool), discovery.ROOT, connection)
        book = PostgresQuotaBook(work, sales_ops=())
        await book.open("field-1", "field", PERIOD, "by_hand", "test", (), datetime.now(UTC))
        review = await book.review("field-1")
        collected = await PostgresInputDesk(work).collect(review, organisation, 1)
        with pytest.raises(PlanImpossible, match=why) as caught:
            await ProcessPlanner(work, **limits).plan(review, organisation, collected.input_id, None)
    assert str(caught.value) == caught.value.variables["plan_why"]


async def test_the_child_ends_when_who_asked_is_gone() -> None:
    async with child(CHILD) as planning, asyncio.timeout(240):
        assert planning.stdin is not None
        planning.stdin.write(order().to_line() + packed())
        planning.stdin.close()
        assert await planning.wait() != 0
