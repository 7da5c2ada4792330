"""Every path of `opportunity_prioritisation` on the real engine, with real PostgreSQL, outbox and mail; time is moved."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.process.building import open_building
from tests.process.conftest import furnish
from tests.process.planning import redrawn
from tests.process.ranking import ORGANISATION, Ranking, answer, deadlines
from workers.engine.driven import DrivenEngine

MORNING = "0 0 5 * * *"
"""When the diagram says that it begins."""


@pytest.fixture
async def ranking(engine: DrivenEngine, planning_dsn: str, tmp_path: Path) -> AsyncIterator[Ranking]:
    """All tasks are served; the morning is twelve hours away, so that none falls into a test."""
    folder = redrawn(tmp_path / "models", {})
    diagram = folder / "bpmn" / "opportunity_prioritisation.bpmn"
    assert diagram.read_text().count(MORNING) == 1
    later = f"0 0 {(datetime.now(UTC).hour + 12) % 24} * * *"
    diagram.write_text(diagram.read_text().replace(MORNING, later))
    async with open_building(Ranking, engine, planning_dsn, folder) as opened:
        await furnish(opened)
        await opened.furnish()
        await opened.serve()
        yield opened


async def test_lists_are_worked_through_and_what_is_promised_is_followed_up(ranking: Ranking) -> None:
    day = await ranking.rank()
    lists = await ranking.lists(day, 2)
    work = lists["ana"].variables["work_list"]
    # By the table, as there is no model: 65 % in the last stage, 12 % in the first; three of 30 minutes fit, and no more.
    assert [row["opportunity"] for row in work["rows"]] == [
        "Planning for large",
        "Planning for middle",
        "Planning for small",
    ]
    assert [row["chance"] for row in work["rows"]] == ["65%"] * 3
    assert work["rows"][0]["action"] == "Call: settle what is open"
    assert "In stage negotiate, and who decides was spoken to" in work["why"]
    assert await ranking.in_use() == [
        ("ana", "large", 1),
        ("ana", "middle", 2),
        ("ana", "small", 3),
        ("ben", "bens", 1),
    ]
    due = deadlines(lists["ana"])
    assert lists["ana"].due_date == due["due_at"]
    await ranking.travel_to(due["remind_at"])
    await ranking.passed(day, "reminder_sent", 2)
    await ranking.mail("ana@fairlead.example", "Reminder: Today's opportunities")
    first, second, third = lists["ana"].variables["list_answers"]
    await ranking.fill(lists["ana"], answer(first, "promised"), answer(second, "done"), answer(third, "skip"))
    await ranking.passed(day, "list_invalid")
    task = (await ranking.lists(day, 2))["ana"]
    assert "in how many working days the contact is promised" in task.variables["work_list"]["problem"]
    await ranking.fill(
        task,
        answer(first, "promised", promise_days=2, said_why="Send the contract"),
        answer(second, "done"),
        answer(third, "skip", said_why="Left to the partner"),
    )
    await ranking.passed(day, "list_done")
    await ranking.until(lambda: ranking.engine.process_instances("follow_up"), "the follow-up")
    (follow_up,) = ranking.engine.process_instances("follow_up")
    promise = ranking.engine.variables(follow_up.key)["promise"]
    assert (promise["subject_id"], promise["rep_id"], promise["note"]) == ("large", "ana", "Send the contract")
    await ranking.travel_to(due["escalate_at"])
    await ranking.passed(day, "escalated")
    await ranking.mail("mona@fairlead.example", "Overdue: Today's opportunities: Ben")
    await ranking.travel_to(due["close_at"])
    await ranking.passed(day, "list_over")
    await ranking.ended(day, "day_done")
    said = await ranking.rows(
        "SELECT opportunity_id, said FROM selling.ranked WHERE place IS NOT NULL ORDER BY opportunity_id"
    )
    assert [(row["opportunity_id"], row["said"]) for row in said] == [
        ("bens", "later"), ("large", "promised"), ("middle", "done"), ("small", "skip"),
    ]  # fmt: skip
    await ranking.in_use()
    contacted = await ranking.row("SELECT contacts, last_contact_at FROM crm.opportunities WHERE id = 'middle'")
    assert contacted["contacts"] == 4
    assert ranking.now() - contacted["last_contact_at"] < timedelta(days=1)


async def test_with_a_model_and_rising_cycle_times_the_best_customers_go_first_and_withdrawing_restores(
    ranking: Ranking,
) -> None:
    await ranking.use_model()
    before = await ranking.rank()
    for task in (await ranking.lists(before, 2)).values():
        await ranking.fill(task)
    await ranking.ended(before, "day_done")
    former = await ranking.in_use()
    row = await ranking.row("SELECT chances_from FROM selling.prioritisations WHERE prioritisation_id = %s", before)
    assert row["chances_from"] == "win-test"
    for number in range(10):
        await ranking.deal(f"slow-{number}", 1, closed=(5, 90))
        await ranking.deal(f"quick-{number}", 1, closed=(60, 60))
    await ranking.deal("loyal", 500, owner="ana")
    async with ranking.pool.connection() as connection:  # its account bought much last year
        await connection.execute(
            "UPDATE crm.opportunities SET account_id = 'loyal', amount_eur = 100000 WHERE id IN ('slow-0', 'quick-0')"
        )
    key = await ranking.client.start(ranking.process, {"organisation": ORGANISATION, "asked_by": "mona"})
    await ranking.until(lambda: ranking.engine.variables(key).get("prioritisation_id"), "the ranking to have an id")
    by_hand = str(ranking.engine.variables(key)["prioritisation_id"])
    work = (await ranking.lists(by_hand, 2))["ana"].variables
    assert work["working_order"]["order"] == "customer_value"
    assert work["work_list"]["rows"][0]["opportunity"] == "Planning for loyal"
    assert (await ranking.in_use())[0] == ("ana", "loyal", 1)
    await ranking.withdraw_ranking(by_hand)
    await ranking.ended(by_hand, "ranking_was_withdrawn")
    assert ranking.engine.open_user_tasks() == []
    assert await ranking.in_use() == former
    assert await ranking.actions(by_hand) == [
        "opened", "collected", "scored", "ranked", "written", "withdrawal_asked", "withdrawn", "recalled", "settled",
    ]  # fmt: skip


async def test_one_ranking_at_a_time_and_none_where_everybody_is_away(ranking: Ranking) -> None:
    day = await ranking.rank()
    await ranking.lists(day, 2)
    second = f"{ORGANISATION}-again"
    await ranking.client.publish(
        "prioritisation_requested",
        second,
        {"prioritisation_id": second, "organisation": ORGANISATION, "asked_by": "test"},
        message_id=second,
        ttl_seconds=60,
    )
    await ranking.ended(second, "another_is_under_way")
    assert ranking.engine.variables(await ranking.instance(second))["joined"] == day
    await ranking.withdraw_ranking(day)
    await ranking.ended(day, "ranking_was_withdrawn")
    for rep in ("ana", "ben"):
        await ranking.absent(rep, 5)
    await ranking.travel_to(ranking.now() + timedelta(seconds=2))
    nothing = await ranking.rank()
    await ranking.ended(nothing, "nothing_to_rank")
    row = await ranking.row("SELECT state FROM selling.prioritisations WHERE prioritisation_id = %s", nothing)
    assert row["state"] == "nothing"


async def test_each_morning_every_organisation_is_ranked(ranking: Ranking) -> None:
    await ranking.travel_to(ranking.now() + timedelta(days=1))

    def asked() -> list[str]:
        ids = [ranking.engine.variables(one.key).get("prioritisation_id") for one in
               ranking.engine.process_instances(ranking.process)]  # fmt: skip
        return [name for name in ids if name and name.startswith(f"{ORGANISATION}-")]

    await ranking.until(asked, "the ranking to be asked for")
    (round_,) = [one.key for one in ranking.engine.process_instances(ranking.process)
                 if str(ranking.engine.variables(one.key).get("prioritisation_id")).startswith("rankings-")]  # fmt: skip
    await ranking.instance_passed(round_, "all_asked")
    await ranking.lists(asked()[0], 2)
