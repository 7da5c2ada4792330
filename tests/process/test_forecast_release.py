"""`forecast_review` from the reviews on: putting it together, releasing, publishing everywhere or nowhere, withdrawing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from tests.process.building import open_building
from tests.process.planning import FITTED, LONG, QUICK, Planning, even, redrawn
from workers.engine.driven import DrivenEngine

pytestmark = pytest.mark.timeout(900)  # a fit takes long on a busy machine


async def decide(planning: Planning, release: int = 1, **answers: object) -> None:
    """Everybody stands by the forecast, then the director decides."""
    for task in (await planning.reviews(FITTED, 3)).values():
        await planning.say(task, review_choice="accept", reviewed_by="ana")
    await planning.passed(FITTED, "prepare_release", release, LONG)
    await planning.complete(FITTED, "approve_forecast", **{"release_choice": "approve", "releaser": "dora"} | answers)


async def refuse(planning: Planning, target: str) -> None:
    """A target takes no forecast that begins so early."""
    async with planning.pool.connection() as connection:
        await connection.execute(
            f"INSERT INTO {target}.forecast_terms (organisation, closed_through) VALUES ('texas', '2099-12')".encode()
        )


async def test_a_rejected_release_opens_the_reviews_again(fitted: Planning) -> None:
    await fitted.serve()
    await decide(fitted, release_choice="reject", release_comment="Look at Dallas again.")
    tasks = await fitted.reviews(FITTED, 3)
    assert all("Look at Dallas again." in task.variables["case"]["sent_back"] for task in tasks.values())
    city = next(name for name in tasks if name != "total")
    answers = {"override_kind": "percent", "override_percent": 0.4, "override_reason": "promotion"}
    await fitted.say(tasks.pop(city), review_choice="override", reviewed_by="ana", **answers)
    for task in tasks.values():
        await fitted.say(task, review_choice="accept", reviewed_by="ana")
    await fitted.passed(FITTED, "prepare_release", 2, LONG)
    task = await fitted.task(FITTED, "approve_forecast")
    assert (task.form_id, task.candidate_groups) == ("approve_forecast", ("sales-directors",))
    assert "first version" in task.variables["release_rule"]["why"]
    assert [row["segment"] for row in task.variables["release_changes"]] == [city]
    await fitted.reminded(FITTED, task, task.variables["release_deadlines"], "sales-directors")
    await fitted.complete(FITTED, "approve_forecast", release_choice="approve", releaser="dora")
    await fitted.ended(FITTED, "forecast_published")
    version = task.variables["release_facts"]["published_version"]
    assert version == f"{FITTED}.2"
    assert (await fitted.in_use("crm"), await fitted.in_use("erp")) == (version, version)
    assert await fitted.review_state(FITTED) == "published"
    await fitted.mail("sales-finance@fairlead.example", "New forecast: Texas")


async def test_a_target_that_refuses_undoes_the_other_and_a_second_try_may_succeed(fitted: Planning) -> None:
    await fitted.serve()
    await refuse(fitted, "erp")
    await decide(fitted)
    task = await fitted.task(FITTED, "publication_failed")
    assert task.candidate_groups == ("sales-ops",)
    states = {one["target"]: one["state"] for one in task.variables["publication"]["targets"]}
    assert states["erp"] == "refused"
    assert states["crm"] in {"delivered", "pending"}  # a refusal is not kept waiting by the other target
    assert (await fitted.in_use("crm"), await fitted.in_use("erp")) == (None, None)
    await fitted.passed(FITTED, "restore_forecast__crm")
    await fitted.passed(FITTED, "restore_forecast__erp")
    await fitted.mail("sales-ops@fairlead.example", "Not published: the forecast of Texas")
    await fitted.reminded(FITTED, task, task.variables["publication_deadlines"], "sales-ops")
    async with fitted.pool.connection() as connection:
        await connection.execute("DELETE FROM erp.forecast_terms")
    await fitted.complete(FITTED, "publication_failed", publication_choice="try_again")
    await fitted.ended(FITTED, "forecast_published")
    assert (await fitted.in_use("crm"), await fitted.in_use("erp")) == (f"{FITTED}.1", f"{FITTED}.1")


async def test_a_publication_that_failed_may_be_dropped(fitted: Planning) -> None:
    await fitted.serve()
    await refuse(fitted, "crm")
    await decide(fitted)
    await fitted.complete(FITTED, "publication_failed", publication_choice="drop", publication_note="Next month.")
    await fitted.ended(FITTED, "review_stopped__publication")
    assert await fitted.review_state(FITTED) == "failed"
    assert (await fitted.in_use("crm"), await fitted.in_use("erp")) == (None, None)


@pytest.mark.parametrize("withdrawn", [False, True])
async def test_a_slow_target_is_waited_for_and_a_withdrawal_undoes_what_the_other_has(
    fitted: Planning, *, withdrawn: bool
) -> None:
    await fitted.serve()
    async with await psycopg.AsyncConnection.connect(fitted.settings.dsn) as other:
        await other.execute("LOCK TABLE erp.forecast_versions IN ACCESS EXCLUSIVE MODE")  # the ERP hangs
        await decide(fitted)
        await fitted.passed(FITTED, "confirm_publication")
        variables = fitted.engine.variables(await fitted.instance(FITTED))
        assert variables["publication"]["state"] == "pending"
        if withdrawn:
            await fitted.withdraw(FITTED)
            await fitted.ended(FITTED, "forecast_was_withdrawn")
        await other.rollback()
    if withdrawn:
        assert await fitted.review_state(FITTED) == "withdrawn"
        assert (await fitted.in_use("crm"), await fitted.in_use("erp")) == (None, None)
        return
    assert await fitted.in_use("erp") == f"{FITTED}.1"
    await fitted.travel_to(fitted.now() + timedelta(seconds=30))
    await fitted.ended(FITTED, "forecast_published")
    await fitted.passed(FITTED, "half_a_minute")


async def test_where_the_table_wants_nobody_s_look_nobody_is_asked_and_the_next_version_needs_no_word(
    engine: DrivenEngine, planning_dsn: str, tmp_path: Path
) -> None:
    folder = redrawn(tmp_path / "models")
    rules = folder / "dmn" / "forecast_review_rules.dmn"
    rules.write_text(rules.read_text().replace("<text>true</text>", "<text>false</text>"))
    async with open_building(Planning, engine, planning_dsn, folder) as planning:
        await planning.serve()
        await planning.organisation()
        await planning.sell(even())
        first = await planning.ask()
        await planning.passed(first, "prepare_release", within=LONG)
        assert planning.engine.variables(await planning.instance(first))["reviews"] == []
        await planning.complete(first, "approve_forecast", release_choice="approve", releaser="dora")
        await planning.ended(first, "forecast_published")
        await planning.travel_to(planning.now() + timedelta(seconds=2))
        second = await planning.ask()
        await planning.passed(second, "forecast_published", within=LONG)
        variables = planning.engine.variables(await planning.instance(second))
        assert variables["release_rule"]["level"] == "none"
        assert await planning.in_use("erp") == f"{second}.1"


async def test_a_fit_that_is_impossible_is_a_person_s_decision(
    engine: DrivenEngine, planning_dsn: str, tmp_path: Path
) -> None:
    (models,) = (text for text in QUICK if "models" in text)
    folder = redrawn(tmp_path / "models", {models: models.replace("=[]", "=[&quot;crystal_ball&quot;]")})
    async with open_building(Planning, engine, planning_dsn, folder) as planning:
        await planning.serve()
        await planning.organisation()
        await planning.sell(even())
        forecast_id = await planning.ask()
        await planning.passed(forecast_id, "forecast_impossible", within=LONG)
        task = await planning.task(forecast_id, "repair_data")
        assert [one["value"] for one in task.variables["repair_choices"]] == ["collect_again", "stop"]
        assert "crystal_ball" in task.variables["repair_why"]
