"""What has had its time goes, and nothing else."""

from __future__ import annotations

import pytest

from tests.unit.runtime.demo.cases import Cases
from workers.runtime.expiry import Expiry
from workers.settings import Retention

RULE = Retention(effects_days=400, delivered_days=90, deliveries_days=30)


@pytest.fixture
def expiry(cases: Cases) -> Expiry:
    return Expiry(cases.resources.pool, RULE)


async def age(cases: Cases, what: str, days: int, where: str = "true") -> None:
    table, column = what.split(".")
    await cases.run_sql(f"UPDATE runtime.{table} SET {column} = now() - interval '{days} days' WHERE {where}")


async def left(cases: Cases) -> set[str]:
    return {row[0] for row in await cases.rows("SELECT business_id FROM runtime.effects")}


async def test_effects_go_case_by_case_when_the_newest_is_old(cases: Cases, expiry: Expiry) -> None:
    for case in ("old", "young", "alive", "sending"):
        for turn in (0, 1):
            await cases.run("book", case, turn=turn)
    await age(cases, "effects.done_at", 401, "business_id <> 'young'")
    await age(cases, "effects.done_at", 399, "business_id = 'alive' AND loop_index = '1'")
    await cases.run_sql("DELETE FROM runtime.outbox WHERE business_id <> 'sending'")
    assert await expiry.sweep() == 2
    assert await left(cases) == {"young", "alive", "sending"}
    assert await expiry.sweep() == 0
    assert not (await cases.run("book", "old")).repeated  # its key may be used anew


async def test_fence_goes_after_the_cases_effects(cases: Cases, expiry: Expiry) -> None:
    await cases.run("settle", "old")
    await cases.run("settle", "young")
    await age(cases, "effects.done_at", 401, "business_id = 'old'")
    await age(cases, "closed_cases.closed_at", 401)
    await expiry.sweep()
    assert await cases.rows("SELECT business_id FROM runtime.closed_cases") == [("young",)]


async def test_what_was_told_goes(cases: Cases, expiry: Expiry) -> None:
    await cases.run_sql(
        "INSERT INTO runtime.told SELECT n::text, now() - make_interval(days => n) FROM unnest(ARRAY[399, 401]) AS n"
    )
    assert await expiry.sweep() == 1
    assert await cases.rows("SELECT subject FROM runtime.told") == [("399",)]


async def test_what_was_written_into_another_system_goes_but_for_the_version_in_use_there(
    cases: Cases, expiry: Expiry
) -> None:
    await cases.run_sql(
        "INSERT INTO sync.changes (change_id, system, what, scope, state, settled, began_at)"
        " SELECT name, 'salesforce', 'owners', scope, state, settled, now() - make_interval(days => days)"
        " FROM (VALUES ('old', 'north', 'delivered', true, 500), ('under way', 'north', 'writing', false, 450),"
        " ('in use', 'north', 'delivered', true, 401), ('alone', 'south', 'delivered', true, 500))"
        " AS given (name, scope, state, settled, days)"
    )
    assert await expiry.sweep() == 1
    left = await cases.rows("SELECT change_id FROM sync.changes ORDER BY id")
    assert left == [("under way",), ("in use",), ("alone",)]


async def test_events_of_other_systems_are_forgotten_when_they_no_longer_come_again(
    cases: Cases, expiry: Expiry
) -> None:
    await cases.run_sql(
        "INSERT INTO runtime.events_seen SELECT 'hubspot', n::text, now() - make_interval(days => n)"
        " FROM unnest(ARRAY[89, 91]) AS n"
    )
    assert await expiry.sweep() == 1
    assert await cases.rows("SELECT event_id FROM runtime.events_seen") == [("89",)]


async def test_delivered_and_left_rows(cases: Cases, expiry: Expiry) -> None:
    await cases.run_sql(
        "INSERT INTO runtime.delivered (channel, external_id, business_id, delivered_at)"
        " SELECT 'c', n::text, 'b', now() - make_interval(days => n) FROM unnest(ARRAY[1, 89, 91, 300]) AS n"
    )
    await cases.run("book", "kept")
    await cases.run_sql(
        "INSERT INTO runtime.deliveries (job_key, task, business_id, element_id, loop_index, process_instance_key,"
        " element_instance_key, process_definition_key, look_at, taken_at)"
        " SELECT n, 'flow.book', CASE n WHEN 32 THEN 'kept' ELSE 'none' END, 'book', '0', 1, 1, 1, now(),"
        " now() - make_interval(days => n) FROM unnest(ARRAY[1, 31, 32]) AS n"
    )
    assert await expiry.sweep() == 3
    assert await cases.rows("SELECT external_id FROM runtime.delivered ORDER BY 1") == [("1",), ("89",)]
    # An orphan that waits for the engine's word is never forgotten.
    assert await cases.rows("SELECT job_key FROM runtime.deliveries ORDER BY 1") == [(1,), (32,)]
