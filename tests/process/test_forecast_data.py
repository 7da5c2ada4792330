"""`forecast_review` up to the fitted forecast: collecting, checking, repairing, asking, fitting."""

from __future__ import annotations

from datetime import date, timedelta

import psycopg
import pytest

from tests.process.planning import LONG, Planning, even, texas
from workers.engine.records import UserTask

pytestmark = pytest.mark.timeout(900)  # a fit takes long on a busy machine


def choices(task: UserTask) -> list[str]:
    return [one["value"] for one in task.variables["repair_choices"]]


async def test_without_sales_a_person_is_asked_and_a_second_review_joins(planning: Planning) -> None:
    await planning.serve()
    await planning.organisation()
    first = await planning.ask()
    task = await planning.task(first, "repair_data")
    assert (task.form_id, task.candidate_groups) == ("repair_data", ("sales-ops",))
    assert choices(task) == ["collect_again", "stop"]
    assert "texas" in task.variables["repair_why"].lower()
    second = await planning.start_by_hand()
    await planning.ended(second, "review_joined")
    assert planning.engine.variables(await planning.instance(second))["joined"] == first
    await planning.reminded(first, task, task.variables["repair_deadlines"], "sales-ops")
    await planning.mail("sales-managers@fairlead.example", "overdue: decide about the data")
    await planning.complete(first, "repair_data", repair_choice="stop", repair_note="next month")
    await planning.ended(first, "review_stopped__data")
    assert await planning.review_state(first) == "stopped"
    third = await planning.ask()
    await planning.task(third, "repair_data")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer of the ERP is waited for a second. Comes before what opens the way to it."""
    monkeypatch.setattr("workers.office.systems.ERP_SECONDS", 1.0)


@pytest.mark.usefixtures("impatient")
async def test_an_erp_that_does_not_answer_is_asked_again_when_a_person_says_so(planning: Planning) -> None:
    await planning.serve()
    await planning.organisation(source="erp")
    async with await psycopg.AsyncConnection.connect(planning.settings.dsn) as other:
        await other.execute("LOCK TABLE erp.sales IN ACCESS EXCLUSIVE MODE")  # the ERP hangs
        forecast_id = await planning.ask()
        task = await planning.task(forecast_id, "repair_data")
        assert choices(task) == ["collect_again", "stop"]
        assert "did not answer" in task.variables["repair_why"]
        await planning.passed(forecast_id, "history_unavailable")
    await planning.complete(forecast_id, "repair_data", repair_choice="collect_again")
    await planning.passed(forecast_id, "no_usable_history")
    await planning.passed(forecast_id, "prepare_repair", 2)


async def test_sales_with_outliers_are_repaired_by_rule_and_forecast(planning: Planning) -> None:
    await planning.serve(but=["open_reviews", "compose_forecast"])
    await planning.organisation()
    await planning.sell(texas())
    forecast_id = await planning.ask()
    await planning.passed(forecast_id, "list_reviews", within=LONG)
    variables = planning.engine.variables(await planning.instance(forecast_id))
    assert variables["verdict"]["action"] == "repair"
    assert variables["repairs"]["count"] == variables["findings"]["repairable"] > 0
    repairs = await planning.rows("SELECT decided_by FROM forecasting.repairs")
    assert {row["decided_by"] for row in repairs} == {"decision table"}
    assert variables["forecast"]["nodes"] == 6
    assert 1 <= len(variables["reviews"]) <= 3
    assert len(variables["reviews"]) + variables["auto_approved"] == 6
    needs = await planning.rows("SELECT review, why FROM forecasting.segment_facts")
    assert all(row["review"] is not None and row["why"] for row in needs)


async def test_values_that_cannot_be_right_are_a_person_s_decision(planning: Planning) -> None:
    await planning.serve(but=["fit_forecast"])
    await planning.organisation()
    sales = {city: dict(months) for city, months in texas().items()}
    sales["Austin"][date(2014, 3, 1)] = -5000.0
    await planning.sell(sales)
    forecast_id = await planning.start_by_hand()
    task = await planning.task(forecast_id, "repair_data")
    assert choices(task) == ["repair", "as_is", "collect_again", "stop"]
    worst = task.variables["worst_findings"][0]
    assert (worst["series"], worst["month"], worst["value"]) == ("Austin", "2014-03", "-5,000")
    await planning.complete(forecast_id, "repair_data", repair_choice="as_is")
    await planning.passed(forecast_id, "repair_history")
    assert planning.engine.variables(await planning.instance(forecast_id))["repairs"] == {"count": 0}
    assert await planning.rows("SELECT FROM forecasting.repairs") == []
    assert "asked_by" in planning.engine.variables(await planning.instance(forecast_id))


async def test_a_fit_that_takes_long_is_told_and_goes_on(planning: Planning) -> None:
    await planning.serve(but=["fit_forecast", "explain_forecast"])
    await planning.organisation()
    await planning.sell(even())
    forecast_id = await planning.ask()
    await planning.passed(forecast_id, "history_verdict")
    instance = await planning.instance(forecast_id)
    assert planning.engine.variables(instance)["verdict"]["action"] == "go_on"
    await planning.travel_to(planning.now() + timedelta(minutes=20))
    await planning.passed(forecast_id, "slow_fit_told")
    await planning.mail("sales-ops@fairlead.example", "Takes long: Fit and choose models")
    await planning.serve("fit_forecast")
    await planning.passed(forecast_id, "fit_forecast", within=LONG)
    assert await planning.rows("SELECT FROM forecasting.repairs") == []
