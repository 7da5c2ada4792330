"""Outbox rows on a real database: order, poison, several dispatchers, sudden death."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tests.unit.runtime.conftest import Dispatching
from tests.unit.runtime.demo.receiver import receiver
from tests.unit.runtime.demo.waiting import until
from workers.runtime.database import Pool
from workers.runtime.deliveries import MESSAGES, messages
from workers.runtime.errors import PermanentError, RateLimited, TransientError
from workers.runtime.outbox import OutboxRow, put
from workers.runtime.task import Retry
from workers.runtime.zeebe import ZeebeClient

QUICK = Retry(tries=3, first_seconds=0.02, cap_seconds=0.05)


async def fill(pool: Pool, keys: int, rows: int) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS public.received"
            " (id bigint GENERATED ALWAYS AS IDENTITY, business_id text, number int)"
        )
        for number in range(rows):
            for key in range(keys):
                await put(connection, "test", f"k{key}", f"k{key}/{number}", {"number": number})


async def rows(pool: Pool, sql: str) -> list[tuple[Any, ...]]:
    async with pool.connection() as connection:
        return [tuple(row.values()) for row in await (await connection.execute(sql.encode())).fetchall()]


async def empty(pool: Pool) -> bool:
    return not await rows(pool, "SELECT FROM runtime.outbox LIMIT 1")


async def received(pool: Pool) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for business_id, number in await rows(pool, "SELECT business_id, number FROM public.received ORDER BY id"):
        found.setdefault(business_id, []).append(number)
    return found


async def test_sends_in_order_and_keeps_what_was_delivered(pool: Pool, dispatching: Dispatching) -> None:
    await fill(pool, keys=10, rows=20)
    async with dispatching(deliveries={"test": receiver(pool)}):
        await until(lambda: empty(pool), "the outbox to be empty")
    assert await received(pool) == {f"k{key}": list(range(20)) for key in range(10)}
    assert await rows(pool, "SELECT count(*) FROM runtime.delivered") == [(200,)]
    async with pool.connection() as connection:
        assert not await put(connection, "test", "k1", "k1/3", {"number": 3})  # delivered before: refused


async def test_three_dispatchers_send_each_row_once_and_in_order(pool: Pool, dispatching: Dispatching) -> None:
    await fill(pool, keys=20, rows=10)
    options: dict[str, Any] = {"deliveries": {"test": receiver(pool, 0.002)}, "per_channel": 4}
    async with dispatching(**options), dispatching(**options), dispatching(**options):
        await until(lambda: empty(pool), "the outbox to be empty")
    assert await received(pool) == {f"k{key}": list(range(10)) for key in range(20)}


async def test_commit_wakes_the_dispatcher(pool: Pool, dispatching: Dispatching) -> None:
    arrived: asyncio.Queue[str] = asyncio.Queue()

    async def deliver(row: OutboxRow) -> None:
        arrived.put_nowait(row.external_id)

    async with dispatching(deliveries={"test": deliver}, poll_seconds=3600):  # it would never look by itself
        for number in range(20):
            async with pool.connection() as connection:
                await put(connection, "test", f"k{number % 3}", f"{number}", {})
            assert await asyncio.wait_for(arrived.get(), 60) == f"{number}"


async def test_poison_is_put_aside_and_blocks_nobody(pool: Pool, dispatching: Dispatching) -> None:
    await fill(pool, keys=2, rows=4)
    good = receiver(pool)

    async def deliver(row: OutboxRow) -> None:
        match (row.business_id, row.payload["number"]):
            case ("k0", 0):
                raise PermanentError("No such address. Correct it.")
            case ("k0", 1):
                raise TransientError("Away.")
            case ("k1", 2):
                raise ZeroDivisionError("ana@example.com")
        await good(row)

    async with dispatching(deliveries={"test": deliver}, retry=QUICK):
        await until(lambda: empty(pool), "the outbox to be empty")
    assert await received(pool) == {"k0": [2, 3], "k1": [0, 1, 3]}
    dead = await rows(pool, "SELECT external_id, tries, reason FROM runtime.dead_letters ORDER BY id")
    assert [(external_id, tries) for external_id, tries, _ in dead] == [("k0/0", 1), ("k0/1", 3), ("k1/2", 1)]
    end = " Runbook: http://127.0.0.1:8000/runbooks/dead-letter.md"
    assert dead[0][2] == f"No such address. Correct it.{end}"
    assert dead[1][2] == f"Gave up after 3 tries. TransientError: Away.{end}"
    assert dead[2][2] == f"Defect in the delivery: ZeroDivisionError. Deploy a corrected dispatcher.{end}"


async def test_a_reason_that_no_text_can_hold_is_put_aside_all_the_same(pool: Pool, dispatching: Dispatching) -> None:
    await fill(pool, keys=1, rows=2)

    async def deliver(row: OutboxRow) -> None:
        raise (PermanentError if row.payload["number"] else TransientError)("It said \0 and \udcff.")

    async with dispatching(deliveries={"test": deliver}, retry=QUICK, poll_seconds=0.02):
        await until(lambda: empty(pool), "the outbox to be empty")
    dead = await rows(pool, "SELECT reason FROM runtime.dead_letters ORDER BY id")
    assert [reason.partition(" Runbook")[0] for (reason,) in dead] == [
        "Gave up after 3 tries. TransientError: It said ? and ?.",
        "It said ? and ?.",
    ]


async def test_what_arrived_is_not_sent_again_while_the_database_takes_no_note_of_it(
    pool: Pool, dispatching: Dispatching
) -> None:
    await fill(pool, keys=1, rows=2)
    async with pool.connection() as connection:
        await connection.execute("CREATE SEQUENCE public.refused")
        await connection.execute(
            "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " PERFORM nextval('public.refused'); RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$"
        )
        await connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON runtime.delivered EXECUTE FUNCTION public.refuse()"
        )

    async def refused_thrice() -> bool:
        return await rows(pool, "SELECT last_value >= 3 FROM public.refused") == [(True,)]

    async with dispatching(deliveries={"test": receiver(pool)}, poll_seconds=0.02):
        await until(refused_thrice, "the note to be refused again and again")
        async with pool.connection() as connection:
            await connection.execute("DROP TRIGGER refuse ON runtime.delivered")
        await until(lambda: empty(pool), "the outbox to be empty")
    assert await received(pool) == {"k0": [0, 1]}


async def test_a_dispatcher_that_hangs_loses_its_keys_to_the_others(pool: Pool, dispatching: Dispatching) -> None:
    await fill(pool, keys=1, rows=3)
    began, gate = asyncio.Event(), asyncio.Event()

    async def hang(_: OutboxRow) -> None:
        began.set()
        await gate.wait()

    silent = {"poll_seconds": 3600, "lost_seconds": 0.3}  # as if its process were stopped: the database hears nothing
    async with dispatching(deliveries={"test": hang}, **silent):
        await began.wait()
        async with dispatching(deliveries={"test": receiver(pool)}, poll_seconds=0.05):
            await until(lambda: empty(pool), "the other one to send")
        gate.set()
    assert await received(pool) == {"k0": [0, 1, 2]}


async def test_failed_row_is_tried_again_before_the_next_of_its_key(pool: Pool, dispatching: Dispatching) -> None:
    await fill(pool, keys=2, rows=3)
    good, misses, times = receiver(pool), [2], []

    async def deliver(row: OutboxRow) -> None:
        if (row.business_id, row.payload["number"]) == ("k0", 0) and misses[0]:
            misses[0] -= 1
            times.append(time.perf_counter())
            raise RateLimited("Wait.", retry_after=0.15)
        await good(row)

    async with dispatching(deliveries={"test": deliver}, poll_seconds=0.05):
        await until(lambda: empty(pool), "the outbox to be empty")
    assert await received(pool) == {"k0": [0, 1, 2], "k1": [0, 1, 2]}
    assert times[1] - times[0] >= 0.15


async def test_receiver_that_is_away_uses_up_no_tries(pool: Pool, dispatching: Dispatching) -> None:
    await fill(pool, keys=6, rows=1)
    good, attempts = receiver(pool), []

    async def deliver(row: OutboxRow) -> None:
        attempts.append(row.external_id)
        if len(attempts) <= 10:
            raise RateLimited("Wait.", retry_after=0.05)
        await good(row)

    async with dispatching(deliveries={"test": deliver}, retry=Retry(tries=2), poll_seconds=0.02):
        await until(lambda: empty(pool), "the outbox to be empty")
    assert len(await received(pool)) == 6
    assert await rows(pool, "SELECT FROM runtime.dead_letters") == []


async def test_slow_channel_holds_up_no_other(pool: Pool, dispatching: Dispatching) -> None:
    gate = asyncio.Event()
    sent: list[str] = []

    async def slow(_: OutboxRow) -> None:
        await gate.wait()

    async def quick(row: OutboxRow) -> None:
        sent.append(row.external_id)

    async with pool.connection() as connection:
        for number in range(50):
            await put(connection, "slow", f"k{number}", f"{number}", {})
            await put(connection, "quick", f"k{number}", f"{number}", {})
    async with dispatching(deliveries={"slow": slow, "quick": quick}, per_channel=4):
        await until(lambda: len(sent) == 50, "the quick channel to be done")
        gate.set()


async def test_killed_dispatcher_loses_nothing_and_keeps_the_order(
    dsn: str, pool: Pool, dispatching: Dispatching
) -> None:
    await fill(pool, keys=8, rows=12)
    program = [sys.executable, "-m", "tests.unit.runtime.demo.receiver", dsn]
    process = await asyncio.create_subprocess_exec(*program, cwd=Path(__file__).parents[3])
    try:

        async def some_arrived() -> bool:
            return len(await rows(pool, "SELECT FROM public.received")) > 20

        await until(some_arrived, "the first rows to arrive")
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()
    assert not await empty(pool)
    async with dispatching(deliveries={"test": receiver(pool)}):
        await until(lambda: empty(pool), "the outbox to be empty")
    repeats = 0
    for numbers in (await received(pool)).values():
        assert numbers == sorted(numbers)
        assert set(numbers) == set(range(12))
        repeats += len(numbers) - 12
    assert repeats <= 8  # at most the one row of each key that was on its way


async def test_database_connection_lost_and_found(pool: Pool, dispatching: Dispatching) -> None:
    await fill(pool, keys=1, rows=1)
    async with dispatching(deliveries={"test": receiver(pool)}) as dispatcher:
        await until(lambda: empty(pool), "the outbox to be empty")
        async with pool.connection() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        await until(lambda: not dispatcher.connected.is_set(), "the loss to be noticed")
        async with pool.connection() as connection:
            await put(connection, "test", "later", "later/1", {"number": 1})
        await until(lambda: empty(pool), "the outbox to be empty again")
    assert (await received(pool))["later"] == [1]


async def test_message_channel_publishes_once(pool: Pool, dispatching: Dispatching, client: ZeebeClient) -> None:
    payload = {"name": "hello", "correlation_key": "x", "variables": {"a": 1}, "ttl_seconds": 60}
    async with dispatching(deliveries={MESSAGES: messages(client)}):
        async with pool.connection() as connection:
            await put(connection, MESSAGES, "x", "hello:x", payload)
        await until(lambda: empty(pool), "the outbox to be empty")
    assert not await client.publish("hello", "x", {}, "hello:x", 60)
