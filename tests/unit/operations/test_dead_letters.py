"""Dead letters: back into the outbox in their place, or settled; never an old change over a newer one."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from tests.unit.operations.conftest import bury, eventually, rows
from workers.operations import audit, dead_letters
from workers.operations.audit import Actor
from workers.operations.model import Wanted
from workers.runtime.database import Pool
from workers.runtime.dispatcher import Dispatcher
from workers.runtime.outbox import OutboxRow, put

ANA = Actor("ana", "The CRM is back.")
OUTBOX = "SELECT id, external_id, tries FROM runtime.outbox ORDER BY id"


async def send_all(dsn: str, pool: Pool) -> list[str]:
    """Let a real dispatcher send what is in the outbox; the external ids in the order they arrived."""
    got: list[str] = []

    async def deliver(row: OutboxRow) -> None:
        got.append(row.external_id)

    dispatcher = Dispatcher(dsn, pool, {"crm.lead": deliver, "mail": deliver})
    running = asyncio.create_task(dispatcher.run())

    async def empty() -> bool:
        return not await rows(pool, OUTBOX)

    await eventually(empty, "an empty outbox")
    dispatcher.stop()
    await running
    return got


async def test_it_goes_back_into_its_place_under_its_id(dsn: str, pool: Pool) -> None:
    first = await bury(pool, "lead-1", 1, "Gave up after 20 tries. CrmDown: away")
    second = await bury(pool, "lead-1", 2, "Gave up after 20 tries. CrmDown: away")
    async with pool.connection() as connection:
        await put(connection, "crm.lead", "lead-1", "lead-1/3", {})
    found = await dead_letters.find(pool, Wanted(channel="crm.lead"))
    assert [one.outcome for one in await dead_letters.retry(pool, found[::-1], ANA)] == ["done", "done"]
    assert (await rows(pool, OUTBOX))[:2] == [(first, "lead-1/1", 0), (second, "lead-1/2", 0)]
    assert await send_all(dsn, pool) == ["lead-1/1", "lead-1/2", "lead-1/3"]
    assert await dead_letters.find(pool, Wanted()) == []


async def test_an_old_change_never_follows_a_newer_one_unless_told_so(dsn: str, pool: Pool) -> None:
    await bury(pool, "lead-1", 1, "Gave up")
    async with pool.connection() as connection:
        await put(connection, "crm.lead", "lead-1", "lead-1/2", {})
        await put(connection, "crm.lead", "lead-2", "lead-2/1", {})
    await send_all(dsn, pool)
    found = await dead_letters.find(pool, Wanted())
    (refused,) = await dead_letters.retry(pool, found, ANA)
    assert refused.outcome == "refused: 1 newer of this case went out since; --late sends it all the same"
    assert await rows(pool, OUTBOX) == []
    (done,) = await dead_letters.retry(pool, found, ANA, late=True)
    assert done.ok


async def test_an_older_letter_sent_before_does_not_count_as_newer(dsn: str, pool: Pool) -> None:
    await bury(pool, "lead-1", 1, "Gave up")
    await bury(pool, "lead-1", 2, "Gave up")
    first, second = await dead_letters.find(pool, Wanted())
    await dead_letters.retry(pool, [first], ANA)
    await send_all(dsn, pool)
    (done,) = await dead_letters.retry(pool, [second], ANA)
    assert done.ok


async def test_one_that_dies_again_can_be_retried_again(pool: Pool) -> None:
    key = await bury(pool, "lead-1", 1, "Gave up")
    for _ in range(2):
        (done,) = await dead_letters.retry(pool, await dead_letters.find(pool, Wanted()), ANA)
        assert done.ok
        async with pool.connection() as connection:
            await connection.execute(
                "WITH gone AS (DELETE FROM runtime.outbox RETURNING *) INSERT INTO runtime.dead_letters"
                " (id, channel, business_id, external_id, payload, created_at, tries, reason)"
                " SELECT id, channel, business_id, external_id, payload, created_at, tries + 1, 'Gave up' FROM gone"
            )
    assert [one.key for one in await dead_letters.find(pool, Wanted())] == [key]


async def test_what_was_sent_again_by_itself_is_refused(pool: Pool) -> None:
    await bury(pool, "lead-1", 1, "Gave up")
    async with pool.connection() as connection:
        assert await put(connection, "crm.lead", "lead-1", "lead-1/1", {})
    (refused,) = await dead_letters.retry(pool, await dead_letters.find(pool, Wanted()), ANA)
    assert refused.outcome == "refused: it was sent again by itself; skip it"


async def test_it_waits_for_a_row_of_its_case_that_is_on_its_way(dsn: str, pool: Pool) -> None:
    await bury(pool, "lead-1", 1, "Gave up")
    async with pool.connection() as connection:
        await put(connection, "crm.lead", "lead-1", "lead-1/2", {})
    under_way, may_end = asyncio.Event(), asyncio.Event()

    async def slow(_: OutboxRow) -> None:
        under_way.set()
        await may_end.wait()

    dispatcher = Dispatcher(dsn, pool, {"crm.lead": slow})
    running = asyncio.create_task(dispatcher.run())
    await under_way.wait()
    retrying = asyncio.create_task(dead_letters.retry(pool, await dead_letters.find(pool, Wanted()), ANA))

    async def blocked() -> bool:
        return await rows(pool, "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") != []

    await eventually(blocked, "the retry to wait for the dispatcher")
    may_end.set()
    (refused,) = await retrying
    assert "newer of this case" in refused.outcome
    dispatcher.stop()
    await running


async def test_settled_ones_are_kept_with_who_and_why(pool: Pool) -> None:
    given_up = await bury(pool, "lead-1", 1, "names no lead")
    by_hand = await bury(pool, "lead-2", 1, "refused", channel="mail")
    found = await dead_letters.find(pool, Wanted())
    await dead_letters.settle(pool, [found[0]], Actor("ana", "It was a test."), "given up")
    await dead_letters.settle(pool, [found[1]], Actor("bo", "I rang them."), "done by hand")
    assert await dead_letters.find(pool, Wanted()) == []
    kept = await dead_letters.find(pool, Wanted(), settled=True)
    assert [(one.key, one.settled) for one in kept] == [
        (given_up, "given up by ana: It was a test."),
        (by_hand, "done by hand by bo: I rang them."),
    ]
    (refused,) = await dead_letters.retry(pool, [kept[0]], ANA)
    assert refused.outcome == "refused: it was given up by ana before"
    trail = await audit.entries(pool)
    assert [(one.actor, one.action) for one in trail[::-1]] == [
        ("ana", "dead_letter.skip"),
        ("bo", "dead_letter.resolve"),
        ("ana", "dead_letter.retry"),
    ]


@pytest.mark.parametrize(
    "change",
    ["UPDATE runtime.audit SET why = 'x'", "UPDATE runtime.audit SET outcome = 'refused: x'",
     "DELETE FROM runtime.audit", "TRUNCATE runtime.audit"],
)  # fmt: skip
async def test_the_audit_trail_is_not_changed(pool: Pool, change: str) -> None:
    await bury(pool, "lead-1", 1, "Gave up")
    await dead_letters.retry(pool, await dead_letters.find(pool, Wanted()), ANA)
    with pytest.raises(psycopg.errors.RaiseException, match="not changed"):
        await rows(pool, change)
