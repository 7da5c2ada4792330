"""`forecast_review`: people review segments, change them, and approve each other's changes."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.process.planning import FITTED, LONG, Planning
from workers.engine.records import UserTask

pytestmark = pytest.mark.timeout(900)  # the fit of the first test takes long on a busy machine

ACCEPT = {"review_choice": "accept", "reviewed_by": "ana"}


def change(percent: float, **more: object) -> dict[str, object]:
    """A reviewer's answer that changes all months alike."""
    answers = {"review_choice": "override", "override_kind": "percent", "override_percent": percent}
    return {**answers, "override_reason": "promotion", "reviewed_by": "ana", **more}


@pytest.fixture
async def open_cases(fitted: Planning) -> dict[str, UserTask]:
    """The three reviews; everything is served but what comes after them."""
    await fitted.serve(but=["compose_forecast"])
    return await fitted.reviews(FITTED, 3)


async def test_the_form_shows_what_is_needed(fitted: Planning, open_cases: dict[str, UserTask]) -> None:
    mail = await fitted.mail("sales-managers@fairlead.example", "Please review the forecast: Texas")
    body = mail.get_body(("plain",))
    assert body is not None
    assert "/tasklist" in body.get_content()
    task = open_cases["total"]
    assert (task.form_id, task.candidate_groups) == ("review_forecast", ("sales-managers",))
    case = task.variables["case"]
    assert case["title"] == "Texas, all of it"
    assert [row["month"] for row in case["months"]] == [f"2015-{month:02}" for month in range(8, 13)] + ["2016-01"]
    assert case["years"][-1]["year"] == "Next 6 months"
    assert case["chart_url"].startswith(fitted.settings.gateway_url)
    assert "A fifth of the total or more" in case["why"]
    assert case["sent_back"] == ""
    deadlines = task.variables["case_deadlines"]
    assert task.due_date == datetime.fromisoformat(deadlines["due_at"])
    edit = task.variables["override_months"]
    assert [row["month"] for row in edit] == [row["month"] for row in case["months"]]


async def test_a_forecast_stands_a_small_change_needs_nobody_and_a_review_is_handed_over(
    fitted: Planning, open_cases: dict[str, UserTask]
) -> None:
    first, second, third = open_cases
    await fitted.say(open_cases[first], **ACCEPT)
    await fitted.say(open_cases[second], **change(0.4))
    await fitted.say(
        open_cases[third], review_choice="hand_over", reviewed_by="ana", hand_over_to="ben@fairlead.example"
    )
    task = await fitted.task_for(FITTED, "review_forecast", third)
    assert task.candidate_users == ("ben@fairlead.example",)
    await fitted.mail("ben@fairlead.example", "Please review the forecast")
    await fitted.say(task, **ACCEPT | {"reviewed_by": "ben"})
    await fitted.passed(FITTED, "reviews_over")
    rows = await fitted.rows("SELECT segment, answer, by_whom FROM forecasting.answers ORDER BY decided_at")
    # Segments go side by side; within one of them the order counts.
    answers = {name: [(row["answer"], row["by_whom"]) for row in rows if row["segment"] == name] for name in open_cases}
    assert answers == {
        first: [("accept", "ana")],
        second: [("override", "ana")],
        third: [("hand_over", "ana"), ("accept", "ben")],
    }
    assert len(rows) == 4
    (override,) = await fitted.rows("SELECT state, approved_by, percent FROM forecasting.overrides")
    assert (override["state"], override["approved_by"]) == ("approved", "rule")
    assert override["percent"] == pytest.approx(0.004)


async def test_a_large_change_is_checked_by_rules_and_by_somebody_else(
    fitted: Planning, open_cases: dict[str, UserTask]
) -> None:
    first, second, segment = open_cases
    for name in (first, second):
        await fitted.say(open_cases[name], **ACCEPT)
    await fitted.say(open_cases[segment], **change(40, override_reason="other"))
    task = await fitted.task_for(FITTED, "review_forecast", segment)
    assert "say in the note" in task.variables["case"]["sent_back"]
    await fitted.say(task, **change(40, override_reason="other", review_note="A plant opens in May."))

    asked = await fitted.task_for(FITTED, "approve_override", segment)
    assert asked.variables["approval"]["level"] in {"director", "finance"}
    assert asked.candidate_groups == (asked.variables["approval"]["group"],)
    assert "+40.0 % by ana" in asked.variables["override"]["text"]
    assert len(asked.variables["override"]["months"]) == 6
    await fitted.say(asked, approval_choice="approve", approved_by=" Ana ")

    again = await fitted.task_for(FITTED, "approve_override", segment)
    assert "somebody else" in again.variables["approval_problem"]
    await fitted.say(again, approval_choice="reject", approval_comment="Not before June.", approved_by="dora")

    back = await fitted.task_for(FITTED, "review_forecast", segment)
    assert "Not before June." in back.variables["case"]["sent_back"]
    edited = [dict(row) for row in back.variables["override_months"]]
    edited[-1]["value"] *= 1.5
    months = {"override_kind": "months", "override_months": edited, "override_percent": None}
    await fitted.say(back, **change(0, **months))
    last = await fitted.task_for(FITTED, "approve_override", segment)
    await fitted.say(last, approval_choice="approve", approved_by="dora")
    await fitted.passed(FITTED, "override_settled")
    await fitted.passed(FITTED, "reviews_over")
    assert await fitted.overrides(FITTED) == [(segment, "rejected"), (segment, "approved")]
    (approved,) = await fitted.rows("SELECT approved_by FROM forecasting.overrides WHERE state = 'approved'")
    assert approved["approved_by"] == "dora"


async def test_people_are_reminded_and_what_nobody_decides_stands(
    fitted: Planning, open_cases: dict[str, UserTask]
) -> None:
    first, second, third = open_cases
    await fitted.say(open_cases[first], **change(40))
    waiting = await fitted.task_for(FITTED, "approve_override", first)
    group = waiting.variables["approval"]["group"]
    await fitted.reminded(FITTED, waiting, waiting.variables["approval_deadlines"], group)
    task = open_cases[second]
    await fitted.reminded(FITTED, task, task.variables["case_deadlines"], task.variables["review"]["group"])
    await fitted.mail("sales-directors@fairlead.example", "overdue: approve the change")
    await fitted.mail("sales-managers@fairlead.example", "overdue: review the forecast")
    variables = fitted.engine.variables(await fitted.instance(FITTED))
    await fitted.travel_to(datetime.fromisoformat(variables["reviews_close_at"]))
    await fitted.passed(FITTED, "close_reviews")
    closed = fitted.engine.variables(await fitted.instance(FITTED))["closed_unseen"]
    assert closed == sorted([second, third])
    assert await fitted.overrides(FITTED) == [(first, "rejected")]
    assert not fitted.engine.open_user_tasks()


async def test_a_segment_that_fails_does_not_stop_the_others(fitted: Planning) -> None:
    async with fitted.pool.connection() as connection:
        await connection.execute("DELETE FROM forecasting.segment_facts WHERE segment = 'total'")
    await fitted.serve(but=["compose_forecast"])
    tasks = await fitted.reviews(FITTED, 2)
    await fitted.until(fitted.engine.incidents, "the incident of the third", within=LONG)
    for task in tasks.values():
        await fitted.say(task, **ACCEPT)
    await fitted.passed(FITTED, "review_done", 2)
    variables = fitted.engine.variables(await fitted.instance(FITTED))
    await fitted.travel_to(datetime.fromisoformat(variables["reviews_close_at"]))
    await fitted.passed(FITTED, "close_reviews")
