"""Every path of `scorer_upkeep` on the real engine, with real training on recorded outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.process.house import House
from workers.engine.records import UserTask
from workers.lead_routing.adapters.upkeep import ask_check
from workers.sample.leads import history
from workers.sample.organisation import accounts

PROCESS = "scorer_upkeep"
SCHEMA = "sales_leads"
SCORER = f"scorer:{SCHEMA}"
LONG = timedelta(seconds=300)
"""Training takes seconds, more on a busy machine."""
LEAD_FIELDS = (
    "source", "name", "email", "phone", "company", "country", "language", "industry", "employees", "product",
    "job_level", "channel", "attributes",
)  # fmt: skip

Body = Mapping[str, Any]
Converts = Callable[[Body], bool]


def as_before(body: Body) -> bool:
    return bool(body["converted"])


def other_way_round(body: Body) -> bool:
    """What spoke for a lead speaks against it now."""
    return not body["converted"]


@cache
def past() -> list[Body]:
    return list(history(6_000, 11, accounts(11), until=datetime(2026, 1, 1, tzinfo=UTC)))


async def outcomes(
    house: House, rows: int, converts: Converts, *, only: Callable[[Body], bool] = lambda _: True, days_ago: float = 0
) -> None:
    """Record outcomes of sample leads, the newest received `days_ago` days before now."""
    until = house.now() - timedelta(days=days_ago)
    bodies = [body for body in past() if only(body)][-rows:]
    assert len(bodies) == rows
    async with house.pool.connection() as connection, connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO crm.accounts (id, name, annual_revenue_eur) VALUES (%s, 'known', %s)",
            [(f"account-{n}", body["annual_revenue"]) for n, body in enumerate(bodies) if body["annual_revenue"]],
        )
        await cursor.executemany(
            "INSERT INTO routing.leads (lead_id, source, raw, lead, converted, received_at, state, account_id)"
            " VALUES (%s, 'history', '{}', %s, %s, %s, 'accepted', %s)",
            [
                (
                    f"lead-{position}",
                    Jsonb({name: body[name] for name in LEAD_FIELDS if name in body}),
                    converts(body),
                    # One second apart, so that all are newer than what the model was trained on.
                    until + timedelta(seconds=position),
                    f"account-{position}" if body["annual_revenue"] else None,
                )
                for position, body in enumerate(bodies)
            ],
        )


@dataclass
class Upkeep:
    """Checks of the scorer in a house."""

    house: House

    async def check(self) -> int:
        """Ask for a check as `fairlead scorer check` does; returns its process instance's key."""
        check_id = self.house.now().isoformat()
        async with self.house.pool.connection() as connection:
            assert await ask_check(connection, SCHEMA, check_id, "test")

        def found() -> list[int]:
            engine = self.house.engine
            instances = [one.key for one in engine.process_instances(PROCESS)]
            return [key for key in instances if engine.variables(key).get("check_id") == check_id]

        await self.house.until(found, "the check to start")
        return found()[0]

    def _passed(self, instance: int, element_id: str) -> int:
        elements = self.house.engine.elements(instance)
        return sum(one.element_id == element_id and one.state == "ELEMENT_COMPLETED" for one in elements)

    async def passed(self, instance: int, element_id: str) -> None:
        await self.house.until(lambda: self._passed(instance, element_id), element_id, instance, LONG)

    async def ended(self, instance: int, end_event: str) -> None:
        await self.passed(instance, end_event)
        await self.passed(instance, PROCESS)

    async def review(self, instance: int) -> UserTask:
        engine = self.house.engine
        await self.house.until(lambda: engine.open_user_tasks(instance), "the review", instance, LONG)
        (task,) = engine.open_user_tasks(instance)
        assert (task.element_id, task.form_id, task.candidate_groups) == (
            "review_scorer",
            "review_scorer",
            ("sales-ops",),
        )
        return task

    def decide(self, task: UserTask, choice: str) -> None:
        self.house.engine.complete_user_task(task.key, {"review_choice": choice, "review_note": "as agreed"})

    def variables(self, instance: int) -> dict[str, Any]:
        return self.house.engine.variables(instance)

    async def active(self) -> str | None:
        rows = await self.house.rows("SELECT version FROM routing.models WHERE schema_name = %s AND active", SCHEMA)
        return rows[0]["version"] if rows else None

    async def story(self) -> list[str]:
        return await self.house.actions(SCORER)


@pytest.fixture
def upkeep(house: House) -> Upkeep:
    return Upkeep(house)


@pytest.fixture
def quiet_upkeep(quiet_house: House) -> Upkeep:
    return Upkeep(quiet_house)


def juniors(body: Body) -> bool:
    return body["job_level"] in {"staff", "student"}


async def test_each_night_every_active_model_is_checked(upkeep: Upkeep) -> None:
    house = upkeep.house
    await house.travel_to(house.now() + timedelta(days=1))
    await house.until(lambda: len(house.engine.process_instances(PROCESS)) >= 2, "the timer and the check it asks for")
    night, check = (one.key for one in house.engine.process_instances(PROCESS)[:2])
    await upkeep.ended(night, "checks_asked")
    assert upkeep.variables(night)["checks_asked_for"] == [SCHEMA]
    await upkeep.ended(check, "scorer_fine")
    variables = upkeep.variables(check)
    assert (variables["asked_by"], variables["drift"]["enough"]) == ("timer", False)
    assert "Only 0 outcomes" in variables["drift"]["words"]
    assert await upkeep.story() == ["drift_checked"]


async def test_the_same_check_is_asked_for_once(upkeep: Upkeep) -> None:
    async with upkeep.house.pool.connection() as connection:
        assert await ask_check(connection, SCHEMA, "one", "test")
        assert not await ask_check(connection, SCHEMA, "one", "test")


async def test_without_drift_nothing_is_done(upkeep: Upkeep) -> None:
    await outcomes(upkeep.house, 400, as_before)
    before = await upkeep.active()
    check = await upkeep.check()
    await upkeep.ended(check, "scorer_fine")
    drift = upkeep.variables(check)["drift"]
    assert (drift["enough"], drift["drifted"], drift["model_version"]) == (True, False, before)
    assert "No limit was passed" in drift["advice"]
    assert len(await upkeep.house.rows("SELECT FROM routing.models")) == 1


async def test_a_better_model_takes_over(upkeep: Upkeep) -> None:
    await outcomes(upkeep.house, 800, other_way_round)
    before = await upkeep.active()
    check = await upkeep.check()
    await upkeep.ended(check, "scorer_replaced")
    variables = upkeep.variables(check)
    assert variables["drift"]["drifted"]
    assert "Scores miss the observed rate" in variables["drift"]["words"]
    assert variables["challenger"]["better"]
    assert variables["verdict"]["replace"]
    assert await upkeep.active() == variables["challenger"]["version"] != before
    assert variables["trial"]["scored"] == 50
    assert await upkeep.story() == ["drift_checked", "retrained", "activated", "tried"]


async def test_a_doubtful_model_is_reviewed_and_the_present_one_kept(upkeep: Upkeep) -> None:
    house = upkeep.house
    await outcomes(house, 600, as_before, only=juniors)
    before = await upkeep.active()
    check = await upkeep.check()
    task = await upkeep.review(check)
    variables = upkeep.variables(check)
    assert "Job level: PSI" in variables["drift"]["words"]
    assert not variables["verdict"]["replace"]
    assert "| Present model | New model |" in variables["figures_text"]
    assert [one["value"] for one in variables["review_choices"]] == ["keep", "activate", "fall_back"]
    deadlines = {name: datetime.fromisoformat(at) for name, at in variables["review_deadlines"].items()}
    assert task.due_date == deadlines["due_at"]
    await house.travel_to(deadlines["remind_at"])
    await upkeep.passed(check, "reminder_sent__review_scorer")
    await house.mail("ops@fairlead.example", "Reminder: Review scorer sales_leads")
    await house.travel_to(deadlines["escalate_at"])
    await upkeep.passed(check, "escalated__review_scorer")
    await house.mail("mona@fairlead.example", "Overdue: Review scorer sales_leads")
    upkeep.decide(task, "keep")
    await upkeep.ended(check, "scorer_kept__review")
    assert await upkeep.active() == before
    again = await upkeep.check()
    await upkeep.ended(again, "scorer_fine")
    drift = upkeep.variables(again)["drift"]
    assert (drift["drifted"], drift["left_alone"]) == (False, True)
    assert "A person decided to keep this model" in drift["advice"]
    await house.travel_to(house.now() + timedelta(days=7))  # on the way come nights, each with a check of its own
    await house.until(house.engine.open_user_tasks, "to be asked again", within=LONG)


async def test_a_person_may_use_a_doubtful_model(upkeep: Upkeep) -> None:
    await outcomes(upkeep.house, 600, as_before, only=juniors)
    check = await upkeep.check()
    upkeep.decide(await upkeep.review(check), "activate")
    await upkeep.ended(check, "scorer_replaced")
    assert await upkeep.active() == upkeep.variables(check)["challenger"]["version"]


async def test_where_nothing_can_be_trained_a_person_may_fall_back_to_the_table(upkeep: Upkeep) -> None:
    await outcomes(upkeep.house, 150, other_way_round)
    check = await upkeep.check()
    task = await upkeep.review(check)
    variables = upkeep.variables(check)
    assert "too few to train on" in variables["review_why"]
    assert [one["value"] for one in variables["review_choices"]] == ["keep", "fall_back"]
    upkeep.decide(task, "fall_back")
    await upkeep.ended(check, "scorer_switched_off")
    assert await upkeep.active() is None
    again = await upkeep.check()
    await upkeep.ended(again, "scorer_fine")
    assert "No model is active" in upkeep.variables(again)["drift"]["words"]
    lead_id = await upkeep.house.lead()
    waiting = await upkeep.house.task(lead_id, "triage_lead")
    assert waiting.variables["score"]["source"] == "table"


async def test_an_old_model_stays_if_nothing_drifted_and_nothing_better_came(upkeep: Upkeep) -> None:
    house = upkeep.house
    await outcomes(house, 400, as_before, days_ago=3)  # none of them is newer than the model
    async with house.pool.connection() as connection:
        await connection.execute("UPDATE routing.models SET created_at = now() - interval '31 days'")
    before = await upkeep.active()
    check = await upkeep.check()
    await upkeep.ended(check, "scorer_kept")
    variables = upkeep.variables(check)
    assert variables["drift"]["age_days"] > 30
    assert variables["verdict"]["keep"]
    assert await upkeep.active() == before


async def test_a_model_that_does_not_work_is_put_back(quiet_upkeep: Upkeep) -> None:
    upkeep = quiet_upkeep
    house = upkeep.house
    await outcomes(house, 800, other_way_round)
    await house.serve(but=["try_scorer"])
    before = await upkeep.active()
    check = await upkeep.check()
    await upkeep.passed(check, "activate_scorer")
    new = await upkeep.active()
    assert new != before
    async with house.pool.connection() as connection:  # the disk was full, or somebody wrote over it
        await connection.execute("UPDATE routing.models SET artifact = 'broken' WHERE version = %s", (new,))
    await house.serve("try_scorer")
    task = await upkeep.review(check)
    await upkeep.passed(check, "restore_scorer")
    assert await upkeep.active() == before
    assert "was put back" in upkeep.variables(check)["review_why"]
    undone = await house.rows(
        "SELECT element_id FROM runtime.effects WHERE business_id = %s AND undone_at IS NOT NULL", SCORER
    )
    assert [row["element_id"] for row in undone] == ["activate_scorer"]
    assert await upkeep.story() == ["drift_checked", "retrained", "activated", "restored", "review_asked"]
    upkeep.decide(task, "keep")
    await upkeep.ended(check, "scorer_kept__review")


async def test_a_broken_model_is_said_to_a_person(upkeep: Upkeep) -> None:
    await outcomes(upkeep.house, 200, as_before)
    async with upkeep.house.pool.connection() as connection:
        await connection.execute("UPDATE routing.models SET artifact = 'broken'")
    check = await upkeep.check()
    await upkeep.review(check)
    assert "It can't be checked" in upkeep.variables(check)["drift"]["words"]


async def test_a_second_check_waits_for_the_open_review(upkeep: Upkeep) -> None:
    await outcomes(upkeep.house, 150, other_way_round)
    check = await upkeep.check()
    task = await upkeep.review(check)
    async with upkeep.house.pool.connection() as connection:
        await ask_check(connection, SCHEMA, "another", "test")

    async def delivered() -> bool:
        return bool(await upkeep.house.rows("SELECT FROM runtime.delivered WHERE external_id LIKE '%%another'"))

    await upkeep.house.until_async(delivered, "the message to be delivered")
    assert len(upkeep.house.engine.process_instances(PROCESS)) == 1
    upkeep.decide(task, "keep")
    await upkeep.ended(check, "scorer_kept__review")
    await upkeep.house.until(lambda: len(upkeep.house.engine.process_instances(PROCESS)) == 2, "the second check")
