"""The figures of the pages Paths and Versions, and the overlays by SLA and compensation, against what was put in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import pytest

from tests.unit.control_room.engine_log import EngineLog
from tests.unit.control_room.mined import PROCESS, Orders
from workers.control_room import comparing, paths, processes
from workers.control_room.comparing import Difference
from workers.control_room.expiring import Expiring
from workers.control_room.following import MADE, Follower, forget
from workers.control_room.kpis import Scope
from workers.control_room.settling import Settling
from workers.runtime.database import Pool

ONCE = (("count_paper", 1), ("approve", 1), ("send", 1))


def day(log: EngineLog) -> Scope:
    return Scope(log.now - timedelta(days=1), datetime.now(UTC) + timedelta(days=2))


async def mined(pool: Pool) -> dict[str, list[dict[str, Any]]]:
    """What was made of the instances."""
    async with pool.connection() as connection:
        return {
            name: await (await connection.execute(f"SELECT * FROM control.{name} AS t ORDER BY t::text".encode())).fetchall()
            for name in MADE if name != "predictions" and not name.startswith("lead_day")
        }  # fmt: skip


async def read(pool: Pool, key: int, scope: Scope) -> paths.Paths:
    async with pool.connection() as connection:
        return await paths.read(connection, key, {}, scope)


async def settle(pool: Pool, log: EngineLog) -> None:
    await Follower(pool, log).catch_up()
    await Settling(pool).catch_up()


async def test_paths_rework_and_deviations_are_those_of_the_instances(pool: Pool, log: EngineLog) -> None:
    orders = Orders(log)
    waits = [30.0, 60.0, 90.0, 400.0]
    straight = [orders.go(waits=seconds) for seconds in waits]
    orders.go(rejected=2, waits=50)
    jumped, cancelled, running = orders.begin(), orders.begin(), orders.begin()
    running.run("count_paper", seconds=1)
    jumped.run("send", seconds=1)
    jumped.end()
    changed = orders.begin()
    changed.modify("send")
    changed.run("send", seconds=1)
    changed.end()
    cancelled.end(forced=True)
    moved = orders.begin()
    newer = Orders(log, 2)
    moved.migrate(newer.process_key, 2)
    moved.end()
    await settle(pool, log)

    found = await read(pool, orders.process_key, day(log))
    assert (found.total, found.variants, found.repeating, found.deviating) == (8, 4, 1, 3)
    first = found.shown[0]
    assert (first.activities, first.number, first.share) == (ONCE, 4, 0.5)
    assert first.p50 == pytest.approx(median(12 + seconds for seconds in waits))
    assert first.in_time == 0.75, "one waited longer than its due time"
    again = (("count_paper", 1), ("approve", 1))
    assert {(one.activities, one.number, one.in_time) for one in found.shown[1:]} == {
        (again * 3 + (("send", 1),), 1, 1.0), ((("send", 1),), 2, None), ((), 1, None),
    }  # fmt: skip
    assert {(row["element"], row["instances"], row["again"], row["seconds"]) for row in found.reworks} == {
        ("count_paper", 1, 2, 20.0), ("approve", 1, 2, 100.0),
    }  # fmt: skip
    assert {(row["kind"], row["element"], row["instances"]) for row in found.deviations} == {
        ("unexplained", "send", 1), ("modified", "send", 1), ("cancelled", "", 1),
    }  # fmt: skip
    other = await read(pool, newer.process_key, day(log))
    assert [(row["kind"], row["element"]) for row in other.deviations] == [("migrated", "")]

    async with pool.connection() as connection:
        key, scope = orders.process_key, day(log)
        for chosen, more, wanted in (
            ("variant", {"variant": first.key}, {case.key for case in straight}),
            ("rework", {"element": "approve"}, 1), ("rework", {}, 1), ("deviation", {}, 3),
            ("deviation", {"kind": "unexplained", "element": "send"}, {jumped.key}),
            ("deviation", {"kind": "cancelled"}, {cancelled.key}), ("late", {"element": "approve"}, {straight[3].key}),
        ):  # fmt: skip
            total, rows = await processes.instances(connection, key, scope, chosen, **more)
            assert total == len(rows)
            assert wanted in (total, {row["key"] for row in rows}), chosen


async def test_built_anew_or_told_late_it_ends_the_same(pool: Pool, log: EngineLog, follower: Follower) -> None:
    orders = Orders(log)
    for number in range(12):
        orders.go(rejected=number % 3, waits=40.0 * number)
    whole, shown = log.records, 0
    while shown < len(whole):  # settled in between, though half of an instance's tasks is unknown
        shown += 41
        log.records = whole[:shown]
        await settle(pool, log)
    before = await mined(pool)
    assert (len(before["paths"]), len(before["variants"])) == (12, 3)
    assert sum(row["late"] for row in before["paths"]) == 4
    await forget(pool)
    assert not any((await mined(pool)).values())
    log.records = [one for one in whole if one[0] != "USER_TASK"]
    await settle(pool, log)
    assert not any(row["late"] for row in (await mined(pool))["paths"])
    log.records = whole
    await settle(pool, log)
    assert await mined(pool) == before


async def test_a_version_that_is_read_late_has_its_instances_judged_again(pool: Pool, log: EngineLog) -> None:
    orders = Orders(log)
    case = orders.begin()
    case.run("send", seconds=1)
    case.end()
    whole = log.records
    log.records = [one for one in whole if one[0] != "PROCESS"]
    await settle(pool, log)
    assert not (await mined(pool))["deviations"]
    log.records = whole
    await settle(pool, log)
    assert [row["element"] for row in (await mined(pool))["deviations"]] == ["send"]


async def test_what_is_mined_goes_with_its_instances(pool: Pool, log: EngineLog) -> None:
    log.now -= timedelta(days=20)
    orders = Orders(log)
    orders.go(rejected=1)
    changed = orders.begin()
    changed.modify("send")
    changed.end(forced=True)
    await settle(pool, log)
    assert all((await mined(pool)).values())
    await Expiring(pool, days=10).sweep()
    left = await mined(pool)
    assert [left[name] for name in ("paths", "reworks", "deviations")] == [[], [], []]
    async with pool.connection() as connection:
        assert not await (await connection.execute("SELECT FROM control.modifications")).fetchall()


async def test_overlays_by_sla_and_by_compensation(pool: Pool, log: EngineLog) -> None:
    orders = Orders(log)
    for number in range(8):
        orders.go(waits=400.0 if number < 2 else 60.0, undone=number < 4)
    await settle(pool, log)
    for scope in (day(log), Scope(day(log).since - timedelta(days=2), day(log).until, by_day=True)):
        async with pool.connection() as connection:
            found = await processes.elements(connection, orders.process_key, scope)
        figures = {one.id: (one.late, one.undone) for one in found}
        assert figures["approve"] == (0.25, None)
        assert figures["send"] == (None, 0.5)
        assert figures["count_paper"] == (None, None)
        assert processes.overlay(found, "sla").shades == {"approve": 5}
        overlay = processes.overlay(found, "compensation")
        assert (overlay.shades, overlay.bounds) == ({"send": 5}, (0.5,))


async def compared(pool: Pool, scope: Scope) -> tuple[dict[str, Difference], dict[str, tuple[Difference, ...]]]:
    async with pool.connection() as connection:
        newer, older = [row for row in await processes.overview(connection, scope) if row["process"] == PROCESS]
        sides = await comparing.read(connection, older, newer, scope)
    found = comparing.judge(*sides)
    return {row.name: row for row in found.overall}, dict(found.elements)


async def test_two_versions_and_whether_their_difference_is_chance(pool: Pool, log: EngineLog) -> None:
    for version, slower in ((1, 1.0), (2, 1.6)):
        orders = Orders(log, version)
        for number in range(40):
            case = orders.go(waits=slower * (60 + 7 * (number % 10)), rejected=int(number % 4 == 0))
            if version == 2 and number % 2:
                case.fail("send", "No paper.")
    await settle(pool, log)
    for scope in (day(log), Scope(day(log).since - timedelta(days=2), day(log).until, by_day=True)):
        overall, elements = await compared(pool, scope)
        assert (overall["Started"].one, overall["Started"].other, overall["Started"].verdict) == (40, 40, "")
        cycle = overall["Cycle time, median"]
        assert cycle.one is not None
        assert cycle.other is not None
        assert cycle.one < cycle.other
        assert cycle.verdict == "sure"
        assert overall["With rework"].verdict == "chance"
        assert overall["With rework"].one == overall["With rework"].other == 0.25
        begun, took, _, troubles = elements["approve"]
        assert (begun.one, begun.verdict, took.verdict, troubles.verdict) == (1.25, "chance", "sure", "")
        assert elements["count_paper"][1].verdict == "chance"
        assert (elements["send"][3].one, elements["send"][3].other, elements["send"][3].verdict) == (0, 0.5, "sure")
        assert next(iter(elements)) in {"approve", "send"}, "what differs most comes first"


async def test_instances_that_run_count_so_that_a_new_version_is_not_quick_by_being_new(
    pool: Pool, log: EngineLog
) -> None:
    now = log.now = datetime.now(UTC).replace(microsecond=0)
    Orders(log, 1)
    for version, began in ((2, now - timedelta(hours=2)), (3, now - timedelta(seconds=400))):
        orders = Orders(log, version)
        for lasts in range(50, 1050, 50):  # alike, but of the newer ones the slow ones have not ended
            log.now = began
            case = orders.begin()
            key = case.enter("count_paper")
            if (ended := began + timedelta(seconds=lasts)) < now:
                log.now = ended
                case.leave(key, "count_paper")
                case.end()
    await settle(pool, log)
    async with pool.connection() as connection:
        rows = {row["version"]: row for row in await processes.overview(connection, day(log))}
        sides = await comparing.read(connection, rows[2], rows[3], day(log))
        empty = await comparing.read(connection, rows[1], rows[3], day(log))
    (cycle,) = [row for row in comparing.judge(*sides).overall if row.name == "Cycle time, median"]
    assert (cycle.one, cycle.other) == (525, 200)
    assert cycle.verdict == "chance"
    assert {row.verdict for row in comparing.judge(*empty).overall} == {"", "few"}
