"""The read model says what the log says: once, whatever comes again, and the same when it is built anew."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.control_room.engine_log import EngineLog
from workers.control_room.expiring import Expiring
from workers.control_room.exported import COUNTER_BITS, WINDOW
from workers.control_room.following import TABLES, Follower, Overtaken, forget
from workers.control_room.projection import KINDS, rows_of, write
from workers.runtime.database import Pool

DATA = tuple(name for name in TABLES if name not in {"cursors", "element_days"})
# Of counts, those that came to nothing are left where they were.
DAYS = "SELECT * FROM control.element_days WHERE number <> 0 ORDER BY process_key, day, element, kind, class"


async def everything(pool: Pool) -> dict[str, list[dict[str, Any]]]:
    queries = {name: f"SELECT * FROM control.{name} ORDER BY key" for name in DATA} | {"element_days": DAYS}
    async with pool.connection() as connection:
        return {name: await (await connection.execute(query)).fetchall() for name, query in queries.items()}


def a_busy_day(log: EngineLog) -> None:
    process = log.deploy("lead_routing")
    for number in range(30):
        case = log.start("lead_routing", process)
        case.run("register_lead", seconds=1)
        asked = case.ask("accept_lead", due=log.now + timedelta(minutes=30))
        if number % 3 == 0:
            asked.assign("ana")
        if number % 5 == 0:
            trouble = case.fail("score_lead", "The model is away.", job=log.key())
            log.wait(seconds=20)
            if number % 10 == 0:
                case.mend(trouble, "score_lead", "The model is away.")
        if number % 6 == 0:
            job = log.key()
            case.wait_for_retry(job, "write_owner", seconds=5)
            log.wait(seconds=5)
            if number % 12 == 0:
                case.comes_again(job, "write_owner")
        log.wait(minutes=2)
        if number % 4:
            asked.complete()
            case.run("write_owner", seconds=0.5)
            case.end(forced=number % 7 == 0)


async def test_a_case_is_told_as_it_was(pool: Pool, log: EngineLog, follower: Follower) -> None:
    process = log.deploy("lead_routing", version=3)
    began = log.now
    case = log.start("lead_routing", process, version=3)
    case.run("register_lead", seconds=2)
    asked = case.ask("accept_lead", due=began + timedelta(minutes=30), groups=("reps", "sales-ops"), users=("ana",))
    log.wait(seconds=60)
    asked.assign("ana")
    trouble = case.fail("notify_owner", "No mail server. What to do: …", job=77)
    log.wait(seconds=30)
    asked.complete()
    case.mend(trouble, "notify_owner", "No mail server. What to do: …", job=77)
    case.end()
    await follower.catch_up()

    found = await everything(pool)
    (known,) = found["processes"]
    assert (known["process"], known["version"], known["version_tag"]) == ("lead_routing", 3, "3.0.0")
    assert known["diagram"].startswith("<bpmn:definitions")
    (instance,) = found["instances"]
    assert (instance["key"], instance["version"], instance["parent_key"]) == (case.key, 3, None)
    assert instance["started_at"] == began
    assert instance["ended_at"] == began + timedelta(seconds=92)
    assert instance["completed"] is True
    assert instance["human_seconds"] == 90
    steps = {row["element"]: row for row in found["elements"]}
    assert set(steps) == {"register_lead", "accept_lead"}
    assert steps["register_lead"]["ended_at"] - steps["register_lead"]["started_at"] == timedelta(seconds=2)
    assert steps["accept_lead"]["kind"] == "USER_TASK"
    (task,) = found["user_tasks"]
    assert (task["assignee"], task["groups"], task["completed"]) == ("ana", ["reps", "sales-ops"], True)
    assert task["users"] == ["ana"]
    assert task["due_at"] == began + timedelta(minutes=30)
    (incident,) = found["incidents"]
    assert (incident["job_key"], incident["kind"], incident["element"]) == (77, "JOB_NO_RETRIES", "notify_owner")
    assert incident["resolved_at"] - incident["raised_at"] == timedelta(seconds=30)


async def test_a_job_waits_until_its_back_off_is_over(pool: Pool, log: EngineLog, follower: Follower) -> None:
    case = log.start("lead_routing", log.deploy("lead_routing"))
    case.wait_for_retry(77, "write_owner", seconds=30)
    until = log.now + timedelta(seconds=30)
    await follower.catch_up()
    (job,) = (await everything(pool))["jobs"]
    assert (job["key"], job["element"], job["job_type"], job["waits_until"]) == (
        77, "write_owner", "task.write_owner", until,
    )  # fmt: skip
    log.wait(seconds=30)
    case.comes_again(77, "write_owner")
    await follower.catch_up()
    (job,) = (await everything(pool))["jobs"]
    assert job["waits_until"] is None


async def test_time_with_two_open_tasks_counts_once(pool: Pool, log: EngineLog, follower: Follower) -> None:
    case = log.start("forecast_review", log.deploy("forecast_review"))
    first = case.ask("review_forecast")
    log.wait(seconds=10)
    second = case.ask("review_forecast")
    log.wait(seconds=10)
    first.complete()
    await follower.catch_up()
    log.wait(seconds=10)
    second.cancel()
    await follower.catch_up()
    (instance,) = (await everything(pool))["instances"]
    assert instance["human_seconds"] == 30
    assert instance["ended_at"] is None


async def test_building_anew_ends_where_reading_on_ended(pool: Pool, log: EngineLog, follower: Follower) -> None:
    chance = random.Random(5)
    shown = len(log.records)
    a_busy_day(log)
    whole = log.records
    while shown < len(whole):  # as an engine at work shows them, page by page
        shown += chance.randint(1, 90)
        log.records = whole[:shown]
        await follower.catch_up()
    before = await everything(pool)
    assert [len(before[name]) for name in DATA] == [1, 30, 90 - 8, 30, 6, 0, 5]
    assert sum(row["number"] for row in before["element_days"]) == 90 - 8

    await forget(pool)
    assert not any((await everything(pool)).values())
    await Follower(pool, log).catch_up()
    assert await everything(pool) == before


async def test_records_that_come_again_in_any_part_change_nothing(
    pool: Pool, log: EngineLog, follower: Follower
) -> None:
    a_busy_day(log)
    await follower.catch_up()
    before = await everything(pool)
    chance = random.Random(6)
    for kind in KINDS:
        records = [record for value_type, record in log.records if value_type == kind.value_type]
        for _ in range(5 if records else 0):
            begin = chance.randrange(len(records))
            part = [one for one in records[begin : begin + chance.randint(1, 40)] if one["intent"] in kind.intents]
            async with pool.connection() as connection:
                await write(connection, rows_of(kind, part))
            assert await everything(pool) == before


async def test_a_record_that_is_late_is_waited_for(pool: Pool, log: EngineLog) -> None:
    follower = Follower(pool, log, gap_seconds=3_600)
    case = log.start("lead_routing", log.deploy("lead_routing"))
    case.run("register_lead", seconds=1)
    late = log.records[-2][1]["position"]
    log.hidden = {late}
    await follower.catch_up()
    assert not (await everything(pool))["elements"], "the page has a hole: none of it counts yet"
    log.hidden = set()
    await follower.catch_up()
    (step,) = (await everything(pool))["elements"]
    assert step["completed"] is True


async def test_a_record_that_never_comes_is_passed_over_after_a_while(
    pool: Pool, log: EngineLog, follower: Follower
) -> None:
    process = log.deploy("lead_routing")
    for _ in range(3):
        log.start("lead_routing", process).run("register_lead", seconds=1)
    log.hidden = {log.records[4][1]["position"]}  # the end of the first step
    for _ in range(3):
        await follower.step()
    found = await everything(pool)
    assert len(found["instances"]) == 3
    assert [step["completed"] for step in found["elements"]] == [None, True, True]


async def test_what_was_deleted_before_it_was_read_is_passed_over(
    pool: Pool, log: EngineLog, follower: Follower
) -> None:
    process = log.deploy("lead_routing")
    for _ in range(WINDOW // 5 + 10):
        log.start("lead_routing", process).run("register_lead")
    kept = log.start("lead_routing", process)
    log.hidden = {
        record["position"]
        for value_type, record in log.records
        if value_type == "PROCESS_INSTANCE" and record["key"] != kept.key
    }
    for _ in range(3):
        await follower.step()
    assert [row["key"] for row in (await everything(pool))["instances"]] == [kept.key]


async def test_of_two_that_read_the_same_page_one_writes_it(pool: Pool, log: EngineLog, follower: Follower) -> None:
    a_busy_day(log)
    ask = log.after

    async def while_another_reads(cursors: Any) -> Any:
        log.after = ask  # type: ignore[method-assign]  # once
        await Follower(pool, log).catch_up()
        return await ask(cursors)

    log.after = while_another_reads  # type: ignore[method-assign]  # it is asked in between
    with pytest.raises(Overtaken):
        await follower.step()
    assert len((await everything(pool))["instances"]) == 30


async def test_more_than_a_page_is_read_and_partitions_stand_apart(
    pool: Pool, log: EngineLog, follower: Follower
) -> None:
    process = log.deploy("lead_routing")
    for _ in range(WINDOW // 4):
        log.start("lead_routing", process).run("register_lead", seconds=1)
    await follower.catch_up()
    assert len((await everything(pool))["instances"]) == WINDOW // 4
    async with pool.connection() as connection:
        rows = await (
            await connection.execute("SELECT * FROM control.cursors WHERE sequence > partition::bigint << 51")
        ).fetchall()
    assert {row["value_type"]: row["sequence"] - (1 << COUNTER_BITS) for row in rows} == {
        "PROCESS": 1,
        "PROCESS_INSTANCE": WINDOW,
    }


async def test_what_ended_long_ago_goes_with_all_that_belongs_to_it(
    pool: Pool, log: EngineLog, follower: Follower
) -> None:
    log.now -= timedelta(days=10)
    a_busy_day(log)
    log.now += timedelta(days=10)
    kept = log.start("lead_routing", log.deploy("lead_routing", version=2))
    kept.run("register_lead", seconds=1)
    kept.end()
    await follower.catch_up()
    assert await Expiring(pool, days=11).sweep() == 0
    open_before = [row["key"] for row in (await everything(pool))["instances"] if row["ended_at"] is None]
    assert await Expiring(pool, days=9).sweep() == 30 - len(open_before)
    found = await everything(pool)
    left = {row["key"] for row in found["instances"]}
    assert left == {kept.key, *open_before}
    assert all({row["instance_key"] for row in found[name]} <= left for name in ("elements", "user_tasks", "incidents"))
    assert len(found["processes"]) == 2
