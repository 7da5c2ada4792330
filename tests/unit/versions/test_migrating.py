"""Running instances go to another version on Camunda's own engine: planned, moved, finished; cut short and gone on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from tests.unit.runtime.demo.waiting import until
from tests.unit.versions.conftest import ANA, ENGINE, Town
from tests.unit.versions.diagrams import moving
from workers.runtime.database import Pool
from workers.runtime.zeebe import ZeebeClient
from workers.versions.applying import Engine, Report, apply_plan
from workers.versions.errors import NoSuchVersion, NotNow, PlanRefused
from workers.versions.plan import Plan, read_plan


async def carry_out(town: Town, plan: Plan, engine: Engine | None = None, at_most: int | None = None) -> Report:
    return await apply_plan(town.pool, engine or town.client, plan, ANA, engine_version=ENGINE, at_most=at_most)


async def test_instances_are_moved_wherever_they_wait_and_finish_by_the_new_version(town: Town) -> None:
    at_look, at_each, stopped = [await town.case() for _ in range(3)]
    await town.work("prepare")
    await town.complete(at_each, "look")
    await town.complete(at_each, "each")
    at_job = await town.case()
    await town.deploy(moving(2, check=True, late="PT2H"))
    plan = await town.plan()
    assert {one.key: one.waits_at for one in plan.instances} == {
        at_look: ["look"],
        at_each: ["each"],
        stopped: ["look"],
        at_job: ["prepare"],
    }
    assert (plan.can, plan.cannot) == (4, 0)
    assert plan.remarks == ["look_late: a time that runs goes on running as it was set"]

    report = await carry_out(town, read_plan(plan.text()))
    assert report.counts == {"moved": plan.can}
    assert set((await town.versions()).values()) == {2}

    await town.later(hours=1, minutes=1)
    assert "look_late" in town.passed(at_look), "a clock that ran goes on as it was set"
    await town.complete(at_look, "look")
    await town.complete(at_look, "check")  # which only the new version has
    await town.complete(at_look, "each")
    for key in (at_look, at_each):
        await town.complete(key, "each")
        await town.ended(key)
    await town.work("prepare")
    await town.complete(at_job, "look")
    await town.complete(at_job, "check")
    case = town.engine.variables(stopped)["case_id"]
    await town.client.publish("stopped", case, {}, f"stop {case}")
    await town.work("unprepare")  # what the old version did is undone by the new one
    await town.ended(stopped)
    assert "undo" in town.passed(stopped)


class Dies(BaseException):
    """The process is killed."""


class Dying:
    """An engine's client whose process dies just after the engine has moved so many instances."""

    def __init__(self, client: ZeebeClient, after: int) -> None:
        self._client, self._left = client, after

    async def migrate(self, key: int, target: int, mapping: Mapping[str, str]) -> None:
        await self._client.migrate(key, target, mapping)
        self._left -= 1
        if not self._left:
            raise Dies


async def test_who_is_killed_in_the_middle_goes_on_and_moves_each_once(town: Town) -> None:
    keys = [await town.case() for _ in range(5)]
    await town.work("prepare")
    await town.deploy(moving(2, look="inspect"))
    plan = await town.plan(look="inspect")
    assert plan.can == 5

    with pytest.raises(Dies):
        await carry_out(town, plan, Dying(town.client, after=3))

    async def shown_late() -> None:  # the read model lags, and the engine refuses what it has moved before
        await until(lambda: "inspect" in str(town.engine.rejections()), "the engine to refuse")
        await town.tell()

    first, _ = await asyncio.gather(carry_out(town, plan, at_most=1), shown_late())
    assert (first.counts, first.left_over) == ({"moved": 4}, 1)
    assert [step.detail for step in first.steps] == ["before", "before", "before, as the read model shows", ""]
    assert (await carry_out(town, plan)).counts == {"moved": 5}
    assert await town.versions() == dict.fromkeys(keys, 2)
    for key in keys:
        assert [one.element_id for one in town.engine.open_user_tasks(key)] == ["inspect"]
    assert len([one for one in town.engine.records() if one["intent"] == "MIGRATED"
                and one["valueType"] == "PROCESS_INSTANCE_MIGRATION"]) == 5  # fmt: skip
    assert await town.audited() == [None, "done", "done"]


async def test_what_the_engine_would_refuse_is_said_beforehand(town: Town) -> None:
    waiting = await town.case("prepare")
    listed = await town.case("prepare", "look")
    await town.deploy(moving(2, look="inspect", loop='isSequential="true"'))
    plan = await town.plan()
    assert {one.key: one.why_not for one in plan.instances} == {
        waiting: ["look is gone from the new version; if another element stands for it, say so by --map"],
        listed: ["each runs parallel, each sequential"],
    }
    assert {"look", "look_late", "each"} == set(plan.gone)
    assert (await carry_out(town, plan)).steps == []
    # The engine agrees: what a plan calls impossible it refuses, whatever the plan's author says.
    for one in plan.instances:
        forced = plan.model_copy(update={"instances": [one.model_copy(update={"can": True})]})
        with pytest.raises(PlanRefused, match=f"instance {one.key} can be moved, but"):
            await carry_out(town, forced)
    with pytest.raises(PlanRefused, match="each can't stand for look: look runs once, each sequential"):
        await town.plan(look="each")
    with pytest.raises(PlanRefused, match="has no element nowhere"):
        await town.plan(look="nowhere")
    with pytest.raises(NoSuchVersion, match="no version 3 of moving, but 2, 1"):
        await town.plan(1, 3)


async def test_undoing_that_would_be_lost_holds_an_instance_back(town: Town) -> None:
    key = await town.case("prepare")
    await town.deploy(moving(2).replace(b"unprepare", b"clear_away"))
    (planned,) = (await town.plan()).instances
    assert planned.key == key
    assert planned.why_not == ["prepare is done, and unprepare, which undoes it, is not in the new version"]


async def test_a_plan_is_refused_when_the_world_has_changed(town: Town) -> None:
    moved_on, over, stays = [await town.case() for _ in range(3)]
    await town.work("prepare")
    await town.deploy(moving(2, check=True))
    plan = await town.plan()
    await town.complete(moved_on, "look")
    await town.client.cancel(over)
    await town.tell()
    report = await carry_out(town, plan)
    assert {step.key: step.outcome for step in report.steps} == {
        moved_on: "elsewhere",
        over: "ended",
        stays: "moved",
    }
    (gone_on,) = [step for step in report.steps if step.key == moved_on]
    assert gone_on.detail == "it has gone on to each; plan again"

    other = plan.model_copy(update={"target": plan.target.model_copy(update={"diagram": "0" * 64})})
    with pytest.raises(PlanRefused, match="Version 2 of moving is not what it was when the plan was made"):
        await carry_out(town, other)
    with pytest.raises(PlanRefused, match=r"made for the rules of Camunda 8\.8\.21, and the engine is 8\.6\.0"):
        await apply_plan(town.pool, town.client, plan, ANA, engine_version="8.6.0")
    bent = plan.model_copy(update={"mapping": plan.mapping | {"look": "each"}})
    with pytest.raises(PlanRefused, match="The mapping says look: each, but look runs once, each parallel"):
        await carry_out(town, bent)


async def test_a_refused_one_spares_the_others_of_its_situation(town: Town) -> None:
    keys = [await town.case() for _ in range(3)]
    await town.work("prepare")
    await town.deploy(moving(2))
    plan = await town.plan()
    # A mapping that passes our rules and not the engine's: the clock's subscription would be doubled.
    holed = plan.model_copy(update={"mapping": {k: v for k, v in plan.mapping.items() if k != "stopped"}})
    with pytest.raises(PlanRefused, match="waits for the message stopped"):
        await carry_out(town, holed)

    class Refusing:
        async def migrate(self, key: int, target: int, mapping: Mapping[str, str]) -> None:
            await town.client.migrate(key, target, {**mapping, "nowhere": "look"})

    report = await carry_out(town, plan, Refusing())
    assert [step.outcome for step in report.steps] == ["refused", "left", "left"]
    assert "nowhere" in report.steps[0].detail
    assert set((await town.versions()).values()) == {1}
    assert (await carry_out(town, plan)).counts == {"moved": len(keys)}


async def test_two_at_once_and_a_plan_that_is_none(town: Town, pool: Pool) -> None:
    await town.case("prepare")
    await town.deploy(moving(2))
    plan = await town.plan()

    class Nested:
        async def migrate(self, _key: int, _target: int, _mapping: Mapping[str, str]) -> None:
            with pytest.raises(NotNow, match="Another plan for moving"):
                await carry_out(town, plan)

    await carry_out(town, plan, Nested())
    with pytest.raises(PlanRefused, match="no YAML"):
        read_plan("a: [")
    with pytest.raises(PlanRefused, match="wrong at process: Field required"):
        read_plan("format: 1")
