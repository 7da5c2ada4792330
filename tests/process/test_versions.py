"""Two versions of lead routing beside each other, on the real engine: who gets which, once, and the way back."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb

from tests.process.building import open_building
from tests.process.conftest import furnish
from tests.process.house import House
from tests.process.test_lead_routing import accept
from workers.control_room.projection import KINDS, rows_of, write
from workers.control_room.versions import side_by_side
from workers.engine.driven import DrivenEngine
from workers.operations.audit import Actor
from workers.runtime.canary import LOOK_SECONDS, split_of
from workers.runtime.deployment import DeploymentRefused, deploy
from workers.versions import shares
from workers.versions.applying import apply_plan
from workers.versions.errors import NotNow
from workers.versions.planning import make_plan

ANA = Actor("ana", "try the new rules on a few")


class Street(House):
    """A house whose diagrams change."""

    async def redraw(self, old: str, new: str, file: str = "bpmn/lead_routing.bpmn") -> None:
        """Deploy with a file changed; it stays as it was if the deployment is refused."""
        path = self.settings.models / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        try:
            await deploy(self.settings, self.client, same_tags=True)
        except DeploymentRefused:
            path.write_text(text)
            raise

    async def tell(self) -> None:
        """Let the read model know what the engine has written."""
        events = [one for one in self.engine.records() if one["recordType"] == "EVENT"]
        async with self.pool.connection() as connection:
            for kind in KINDS:
                wanted = [r for r in events if r["valueType"] == kind.value_type and r["intent"] in kind.intents]
                await write(connection, rows_of(kind, wanted))

    async def engine_version(self) -> str:
        return (await self.client.topology()).gateway_version

    async def person(self, number: int) -> str:
        """A lead of somebody whom no other lead resembles, that has come to its owner."""
        lead_id = await self.lead(
            name=f"Person {number}", email=f"p@company-{number}.example", phone=None, company=f"Company {number}"
        )
        await self.task(lead_id, "accept_lead")
        return lead_id

    async def version(self, lead_id: str) -> int:
        """Which version the lead's instance has."""
        await self.tell()
        query = "SELECT version FROM control.instances WHERE key = %s"
        return int((await self.row(query, await self.instance(lead_id)))["version"])


@pytest.fixture
async def street(engine: DrivenEngine, dsn: str, tmp_path: Path) -> AsyncIterator[Street]:
    """Version 1 is deployed, and all tasks are served."""
    for folder in ("bpmn", "dmn", "forms"):
        shutil.copytree(folder, tmp_path / folder)
    async with open_building(Street, engine, dsn, tmp_path) as opened:
        await furnish(opened)
        await opened.serve()
        await opened.tell()
        yield opened


async def test_a_share_of_new_leads_gets_the_new_version_and_none_after_the_way_back(street: Street) -> None:
    split = await shares.hold(street.pool, "lead_routing", ANA, street.engine_version)
    assert "stay with version 1" in str(split)
    with pytest.raises(NotNow, match="deploy the next one first"):
        await shares.set_share(street.pool, "lead_routing", 0.5, ANA, street.engine_version)
    before = await street.person(0)
    await street.redraw('versionTag value="1.1.0"', 'versionTag value="2.0.0"')
    held = await street.person(1)
    assert [await street.version(lead_id) for lead_id in (before, held)] == [1, 1]
    told = await street.rows("SELECT DISTINCT process_definition_key FROM runtime.timeline WHERE business_id = %s"
                             " AND process_definition_key <> 0", held)  # fmt: skip
    assert len(told) == 1, "what the tasks note names the version that they ran under"

    split = await shares.set_share(street.pool, "lead_routing", 0.5, ANA, street.engine_version)
    assert (split.stable, split.canary, split.share) == (1, 2, 0.5)
    with pytest.raises(DeploymentRefused, match="lead_routing has a canary: version 2 beside 1"):
        await street.redraw('versionTag value="2.0.0"', 'versionTag value="3.0.0"')
    await _followed()
    leads = [await street.person(number) for number in range(2, 12)]
    chosen = {lead_id: await street.version(lead_id) for lead_id in leads}
    row = await street.row("SELECT * FROM runtime.version_splits")
    meant = {lead_id: 2 if split_of(row).canary("lead_routing", lead_id) else 1 for lead_id in leads}
    assert chosen == meant
    assert set(chosen.values()) == {1, 2}, "so many leads never all fall to one side, in 998 of 1,000 runs"
    assert len(street.engine.process_instances("lead_routing")) == 12, "each lead was started once"
    async with street.pool.connection() as connection:
        (pair,) = await side_by_side(connection)
    assert pair.canary is not None
    assert (pair.stable.started, pair.canary.started) == (
        1 + list(meant.values()).count(1),
        list(meant.values()).count(2),
    )
    assert (pair.stable.share, pair.canary.share, pair.refused) == (0.5, 0.5, 0)

    await shares.roll_back(street.pool, "lead_routing", ANA, street.engine_version)
    await _followed()
    after = await street.person(12)
    assert await street.version(after) == 1
    (canary, *_) = [lead_id for lead_id, version in chosen.items() if version == 2]
    for lead_id in (after, canary, held):
        await accept(street, lead_id)
    assert await street.version(canary) == 2, "who runs stays where it is"
    # A moved instance can be withdrawn and undone like any other.
    moved = next(lead_id for lead_id, version in chosen.items() if version == 1)
    await street.withdraw(moved)
    await street.ended(moved, "lead_was_withdrawn")
    assert (await street.crm(moved))["owner_id"] is None

    assert await shares.promote(street.pool, "lead_routing", ANA) == 2
    await _followed()
    assert await street.version(await street.person(13)) == 2
    actions = await street.rows("SELECT action, outcome FROM runtime.audit ORDER BY id")
    assert [(one["action"], one["outcome"]) for one in actions] == [
        (f"version.{what}", "done") for what in ("hold", "share", "rollback", "promote")
    ]


async def test_who_is_moved_is_decided_by_the_new_tables_and_the_others_by_those_they_began_with(
    street: Street,
) -> None:
    moved, stays = [await street.lead(email=None, phone=None, external_id=name) for name in ("a", "b")]
    tasks = {lead_id: await street.task(lead_id, "correct_lead") for lead_id in (moved, stays)}
    table = "dmn/lead_routing_rules.dmn"
    await street.redraw("Mid-market: 100 employees or more", "Mid-market, as we say now", table)
    await street.tell()
    async with street.pool.connection() as connection:
        plan = await make_plan(
            connection, "lead_routing", 1, 2, engine_version=await street.engine_version(), made_by="ana"
        )
    assert {one.case: (one.waits_at, one.can) for one in plan.instances} == dict.fromkeys(
        (moved, stays), (["correct_lead"], True)
    )
    plan = plan.model_copy(update={"instances": [one for one in plan.instances if one.case == moved]})
    report = await apply_plan(street.pool, street.client, plan, ANA, engine_version=plan.engine)
    assert report.counts == {"moved": 1}
    for number, (lead_id, task) in enumerate(tasks.items()):
        corrected = task.variables["corrected"] | {
            "email": f"x@company-{number}.example",
            "company": f"Company {number}",
        }
        await street.complete(lead_id, "correct_lead", correction_outcome="corrected", corrected=corrected)
    said = {}
    for lead_id in tasks:
        said[lead_id] = (await street.task(lead_id, "accept_lead")).variables["routing"]["why"][0]
    assert said == {moved: "Mid-market, as we say now", stays: "Mid-market: 100 employees or more"}
    assert await street.version(moved) == 2


async def test_a_lead_goes_on_where_it_is_if_the_engine_refuses_to_move_it(street: Street) -> None:
    await shares.hold(street.pool, "lead_routing", ANA, street.engine_version)
    await street.redraw('versionTag value="1.1.0"', 'versionTag value="2.0.0"')
    async with street.pool.connection() as connection:
        await connection.execute("UPDATE runtime.version_splits SET kept = %s", (Jsonb({"next": ["nowhere"]}),))
    await _followed()
    lead_id = await street.person(1)
    assert await street.version(lead_id) == 2
    (kept,) = await street.rows("SELECT business_id, refused FROM runtime.version_choices")
    assert kept["business_id"] == lead_id
    assert "nowhere" in kept["refused"]
    await accept(street, lead_id)


async def test_versions_that_begin_otherwise_do_not_run_side_by_side(street: Street) -> None:
    await shares.hold(street.pool, "lead_routing", ANA, street.engine_version)
    with pytest.raises(DeploymentRefused, match="the new version begins with book_lead, with which the other"):
        await street.redraw('"register_lead"', '"book_lead"')
    with pytest.raises(NotNow, match="let_rest_come comes before the first task"):
        await shares.hold(street.pool, "forecast_upkeep", ANA, street.engine_version)


async def _followed() -> None:
    """Workers have looked again."""
    await asyncio.sleep(LOOK_SECONDS + 0.1)
