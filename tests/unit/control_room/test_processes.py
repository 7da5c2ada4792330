"""The figures of the page Processes, each against what was put in, counted in another way; also where they are kept by day."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from statistics import quantiles

import pytest

from tests.unit.control_room.engine_log import EngineLog
from workers.bench.control_room_cases import DAYS
from workers.control_room import instances, processes, today
from workers.control_room.expiring import Expiring
from workers.control_room.following import Follower
from workers.control_room.kpis import Scope
from workers.runtime.database import Pool

STEPS = {"register_lead": 0.3, "score_lead": 2.0, "accept_lead": 700.0}
NAMED = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"><process id="forecast_review">
<userTask id="review_segment" name="Review
  segment"/><serviceTask id="fit"/></process></definitions>"""


def month() -> Scope:
    now = datetime.now(UTC)
    return Scope((now - timedelta(days=30)).replace(hour=0, minute=0, second=0, microsecond=0), now, by_day=True)


def a_month(log: EngineLog) -> tuple[int, dict[str, list[float]]]:
    """Cases of 20 days, of which some are cut short and some still run; and how long their steps that ended took."""
    chance = random.Random(3)
    process = log.deploy("lead_routing")
    log.now -= timedelta(days=20)
    took: dict[str, list[float]] = {name: [] for name in STEPS}
    for number in range(200):
        case = log.start("lead_routing", process)
        for name, middle in STEPS.items():
            seconds = 0.0 if name == "register_lead" and number % 9 == 0 else round(chance.expovariate(1 / middle), 3)
            key = case.enter(name)
            if name == "accept_lead" and number % 10 == 0:
                break
            log.wait(seconds=seconds)
            case.leave(key, name, forced=number % 7 == 0)
            took[name].append(seconds)
        log.wait(hours=2.2)
    return process, took


async def test_what_is_kept_by_day_is_what_the_elements_say(pool: Pool, log: EngineLog, follower: Follower) -> None:
    process, took = a_month(log)
    whole, shown = log.records, 0
    while shown < len(whole):
        shown += 113
        log.records = whole[:shown]
        await follower.catch_up()
    async with pool.connection() as connection:
        by_day = {one.id: one for one in await processes.elements(connection, process, month())}
        exact_scope = Scope(month().since, month().until)
        exact = {one.id: one for one in await processes.elements(connection, process, exact_scope)}
        for one in exact.values():
            cut, _ = await processes.instances(connection, process, exact_scope, "cut", element=one.id)
            assert cut == one.forced
    assert set(by_day) == set(exact) == set(STEPS)
    for name, one in by_day.items():
        ended = took[name]
        assert (one.started, one.running) == (200, 200 - len(ended))
        assert one.forced == exact[name].forced > 0
        assert one.seconds == pytest.approx(sum(ended), abs=0.01) == exact[name].seconds
        assert one.share == pytest.approx(exact[name].share)
        # Half the width of a class, and half of the gap to the next value where two are in the middle.
        percentiles = quantiles(ended, n=20, method="inclusive")
        assert one.p50 == pytest.approx(percentiles[9], rel=0.06)
        assert one.p95 == pytest.approx(percentiles[18], rel=0.10)
        assert exact[name].p95 == pytest.approx(percentiles[18], abs=0.01)


async def test_counts_by_day_are_those_made_from_the_elements(pool: Pool, log: EngineLog, follower: Follower) -> None:
    a_month(log)
    await follower.catch_up()
    query = "SELECT * FROM control.element_days WHERE number <> 0 ORDER BY process_key, day, element, kind, class"
    async with pool.connection() as connection:
        kept = await (await connection.execute(query)).fetchall()
        await connection.execute("TRUNCATE control.element_days")
        await connection.execute(DAYS)
        assert await (await connection.execute(query)).fetchall() == kept
    assert sum(row["forced"] for row in kept) > 0


async def test_a_class_of_durations_is_two_per_cent_wide_on_each_side(pool: Pool) -> None:
    async with pool.connection() as connection:
        rows = await (
            await connection.execute(
                "SELECT ms, control.seconds_of(control.class_of(ms)) AS seconds FROM unnest(%s::bigint[]) AS ms",
                ([0, *(round(1.37**power) for power in range(75))],),
            )
        ).fetchall()
        (none,) = await (await connection.execute("SELECT control.class_of(NULL) AS class")).fetchall()
    assert rows[0]["seconds"] == 0
    for row in rows[1:]:
        assert row["seconds"] == pytest.approx(row["ms"] / 1_000, rel=0.0201)
    assert none["class"] == -1


async def test_days_go_with_their_instances(pool: Pool, log: EngineLog, follower: Follower) -> None:
    process, _ = a_month(log)
    await follower.catch_up()
    await Expiring(pool, days=10).sweep()
    async with pool.connection() as connection:
        found = await processes.elements(connection, process, month())
        (left,) = await (await connection.execute("SELECT min(day) AS day FROM control.element_days")).fetchall()
    assert left["day"] == datetime.now(UTC).date() - timedelta(days=10)
    assert 0 < sum(one.started for one in found) < 600


async def test_a_step_is_called_as_in_its_diagram_and_a_case_as_its_process_calls_it(
    pool: Pool, log: EngineLog, follower: Follower
) -> None:
    process = log.deploy("forecast_review", diagram=NAMED)
    case = log.start("forecast_review", process)
    case.run("fit", seconds=2)
    case.ask("review_segment", groups=["sales-managers"])
    case.fail("review_segment", "The form is gone.")
    log.start("forecast_review", process).end()
    await follower.catch_up()
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO runtime.timeline (business_id, actor, action, why, process_instance_key)"
            " VALUES ('north-2026-11', 'worker', 'review_opened', 'It was asked for.', %s)",
            (case.key,),
        )
    scope = Scope(log.now - timedelta(days=1), log.now + timedelta(days=1))
    async with pool.connection() as connection:
        found = await instances.read(connection, case.key)
        (task,) = await today.tasks_of(connection, scope)
        steps = await processes.elements(connection, int(task["process_key"]), scope)
        total, (row,) = await processes.instances(connection, int(task["process_key"]), scope, "running")
        chosen = [
            (await processes.instances(connection, int(task["process_key"]), scope, name, element="review_segment"))[0]
            for name in ("started", "completed", "forced", "failed")
        ]
    assert chosen == [2, 1, 0, 1]
    assert found is not None
    assert found.head["case_id"] == "north-2026-11"
    assert [entry["action"] for entry in found.history] == ["review_opened"]
    assert (task["called"], task["case_id"]) == ("Review segment", "north-2026-11")
    assert {one.id: one.name for one in steps} == {"fit": None, "review_segment": "Review segment"}
    assert (total, row["case_id"]) == (1, "north-2026-11")
