"""Every path of `follow_up` on the real engine, with real PostgreSQL, outbox and mail; time is moved."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.process.building import open_building
from tests.process.conftest import furnish
from tests.process.promising import Promises
from workers.engine.driven import DrivenEngine


@pytest.fixture
async def promises(engine: DrivenEngine, planning_dsn: str) -> AsyncIterator[Promises]:
    """All tasks are served, and the CRM has an opportunity."""
    async with open_building(Promises, engine, planning_dsn) as opened:
        await furnish(opened)
        await opened.opportunity()
        await opened.serve()
        yield opened


async def test_a_promise_is_planned_reminded_of_escalated_and_kept_late(promises: Promises) -> None:
    by = promises.now() + timedelta(hours=10)
    follow_up_id, asked = await promises.ask(by)
    assert asked
    task = await promises.task(follow_up_id, "make_contact")
    assert await promises.ask(by) == (follow_up_id, False), "the same promise starts once"
    assert task.variables["contact_case"]["title"] == "Call Ana Ruiz: Planning for Talleres Norte"
    assert task.variables["contact_case"]["assignee"] == "ana"
    deadlines = await promises.deadlines(follow_up_id)
    assert task.due_date == deadlines["due_at"] == by
    assert deadlines["remind_at"] == by - timedelta(minutes=120)
    assert deadlines["escalate_at"] == by + timedelta(minutes=240)
    assert (await promises.activity(follow_up_id))["state"] == "planned"
    await promises.travel_to(deadlines["remind_at"])
    await promises.passed(follow_up_id, "reminder_sent")
    await promises.mail("ana@fairlead.example", "Reminder: Call Ana Ruiz")
    await promises.travel_to(deadlines["escalate_at"])
    await promises.passed(follow_up_id, "escalated")
    await promises.mail("mona@fairlead.example", "Overdue: Call Ana Ruiz")
    await promises.complete(
        follow_up_id, "make_contact", contact_choice="done", contact_result="reached", contacted_by="ana"
    )
    await promises.ended(follow_up_id, "follow_up_done")
    found = await promises.book(follow_up_id)
    assert (found["state"], found["result"], found["contacted_by"]) == ("late", "reached", "ana")
    assert found["escalated_at"] is not None
    assert (await promises.activity(follow_up_id))["state"] == "done"
    opportunity = await promises.row("SELECT contacts FROM crm.opportunities WHERE id = 'opp-1'")
    assert opportunity["contacts"] == 1
    assert len(promises.mailbox.mails) == 2, "each mail once"
    assert await promises.actions(follow_up_id) == ["promised", "reminded", "escalated", "contact_late"]
    assert await promises.ask(by) == (follow_up_id, False), "nor when it has ended"


async def test_an_event_from_the_crm_closes_the_task(promises: Promises) -> None:
    follow_up_id = await promises.promise()
    await promises.task(follow_up_id, "make_contact")
    await promises.told(follow_up_id)
    await promises.ended(follow_up_id, "follow_up_done")
    assert promises.engine.open_user_tasks() == []
    found = await promises.book(follow_up_id)
    assert (found["state"], found["result"], found["contacted_by"]) == ("done", "next_step", "ana")


async def test_it_is_put_off_refused_passed_on_and_dropped(promises: Promises) -> None:
    march = datetime(promises.now().year + 1, 3, 1, 9, 0, tzinfo=UTC)  # early, without a holiday in all of Germany
    monday = march + timedelta(days=-march.weekday() % 7)
    async with promises.pool.connection() as connection:
        await connection.execute(
            """UPDATE routing.reps SET holidays = 'DE', working_hours = '{"mon": [["08:00", "16:00"]], "wed": [["08:00", "16:00"]]}'"""
        )
    follow_up_id, _ = await promises.ask(monday)
    change = {"contacted_by": "ana", "change_reason": "customer_asked"}
    await promises.complete(follow_up_id, "make_contact", contact_choice="postpone", postpone_days=1, **change)
    await promises.passed(follow_up_id, "schedule_contact", 2)
    assert (await promises.deadlines(follow_up_id))["due_at"] == monday + timedelta(days=2), "the next working day"
    await promises.complete(follow_up_id, "make_contact", contact_choice="reassign", reassign_to="nobody", **change)
    await promises.passed(follow_up_id, "change_refused")
    await promises.passed(follow_up_id, "schedule_contact", 3)
    task = await promises.task(follow_up_id, "make_contact")
    assert "No rep has the log-in 'nobody'" in task.variables["contact_case"]["problem"]
    await promises.complete(follow_up_id, "make_contact", contact_choice="reassign", reassign_to="ben", **change)
    await promises.passed(follow_up_id, "schedule_contact", 4)
    task = await promises.task(follow_up_id, "make_contact")
    case = task.variables["contact_case"]
    assert (case["problem"], case["assignee"]) == ("", "ben")
    assert case["history"].splitlines()[1].startswith("- passed on by ana, from ana to ben: the customer asked")
    await promises.mail("ben@fairlead.example", "Passed on to you: Call Ana Ruiz")
    activity = await promises.activity(follow_up_id)
    assert (activity["rep_id"], activity["due_at"]) == ("ben", monday + timedelta(days=2))
    await promises.complete(follow_up_id, "make_contact", contact_choice="drop", contacted_by="ben")
    await promises.ended(follow_up_id, "follow_up_done")
    assert (await promises.book(follow_up_id))["state"] == "dropped"
    assert (await promises.activity(follow_up_id))["state"] == "dropped"


async def test_a_promise_that_nobody_keeps_ends_as_missed(promises: Promises) -> None:
    follow_up_id = await promises.promise()
    await promises.task(follow_up_id, "make_contact")
    await promises.travel_to((await promises.deadlines(follow_up_id))["give_up_at"])
    await promises.ended(follow_up_id, "follow_up_missed")
    assert (await promises.book(follow_up_id))["state"] == "missed"
    await promises.mail("mona@fairlead.example", "Missed: Call Ana Ruiz")
    assert (await promises.activity(follow_up_id))["state"] == "missed"


async def test_a_promise_of_somebody_who_is_away_goes_to_the_manager(promises: Promises) -> None:
    await promises.absent("ana", 5)
    follow_up_id = await promises.promise(hours=30)
    task = await promises.task(follow_up_id, "make_contact")
    assert (task.variables["plan"]["group"], task.variables["contact_case"]["assignee"]) == ("sales-managers", None)
    await promises.travel_to((await promises.deadlines(follow_up_id))["remind_at"])
    await promises.mail("mona@fairlead.example", "Reminder: Call Ana Ruiz")


async def test_a_promise_that_is_taken_back_leaves_nothing_in_the_crm(promises: Promises) -> None:
    follow_up_id = await promises.promise()
    await promises.task(follow_up_id, "make_contact")
    await promises.cancel(follow_up_id)
    await promises.ended(follow_up_id, "follow_up_was_cancelled")
    assert promises.engine.open_user_tasks() == []
    assert (await promises.book(follow_up_id))["state"] == "cancelled"
    assert (await promises.activity(follow_up_id))["state"] == "removed"
    assert await promises.actions(follow_up_id) == [
        "promised", "cancellation_asked", "cancelled", "activity_removed", "settled",
    ]  # fmt: skip
