"""What begins when a rep leaves or joins, the import of each night, and who is told when nothing can be taken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.simulators.workday.serving import Simulated
from tests.unit.connectors.workday.conftest import YESTERDAY, Office
from workers.connectors import wiring
from workers.connectors.roster import moves
from workers.connectors.roster.nightly import CHANNEL
from workers.runtime.errors import PermanentError
from workers.runtime.outbox import OutboxRow
from workers.runtime.work import Work
from workers.territory_alignment.adapters.data import PostgresDataDesk
from workers.territory_alignment.adapters.organisations import organisations

Team = Callable[[int], None]


@pytest.fixture
async def published(office: Office, team: Team) -> Office:
    """Territories and quotas of the office are published, and ten people work there."""
    await office.organised()
    team(10)
    await office.take(force=True)
    await office.sql(
        "INSERT INTO territories.plans (version, name, card, content, sha256) VALUES ('p', 'north', '{}', '', '')"
    )
    await office.sql(
        "INSERT INTO territories.alignments (alignment_id, organisation, reason, asked_by, state, opened_at)"
        " VALUES ('north-1', 'north', 'yearly', 'olga', 'published', now())"
    )
    await office.sql(
        "INSERT INTO territories.publications (version, alignment_id, release, organisation, plan_version, effective_from, facts)"
        " VALUES ('north-1.1', 'north-1', 1, 'north', 'p', '2026-01-01', '{}')"
    )
    await office.sql(
        "INSERT INTO quotas.reviews (quota_id, organisation, period, reason, asked_by, state, opened_at)"
        " VALUES ('field-1', 'field', '2026', 'by_hand', 'olga', 'published', now())"
    )
    await office.sql(
        "INSERT INTO quotas.publications (version, quota_id, release, organisation, period, plan_version, currency, valid_from,"
        " valid_until) VALUES ('field-1.1', 'field-1', 1, 'field', '2026', 'q', 'EUR', '2026-01-01', '2026-12-31')"
    )
    return office


async def asked(office: Office) -> list[dict[str, Any]]:
    rows = await office.sql("SELECT payload FROM runtime.outbox WHERE channel = 'zeebe.message' ORDER BY id")
    return [row["payload"]["variables"] for row in rows]


async def look(office: Office) -> int:
    return await moves.look(office.pool, "workday", lambda: office.at)


async def test_who_leaves_and_who_joins_start_one_alignment_and_an_adjustment_once(published: Office) -> None:
    office, tenant = published, published.simulated.tenant
    tenant.worker("2")["Termination_Date"] = YESTERDAY
    await office.take()
    assert await asked(office) == []  # the import itself starts nothing
    assert await look(office) == 2
    territories, quotas = sorted(await asked(office), key=lambda one: "quota_id" in one)
    assert (territories["reason"], territories["leaving"], territories["asked_by"]) == ("rep_left", "R1", "workday")
    assert (quotas["concerned"], quotas["change_percent"], quotas["period"]) == (["T1"], 100.0, "2026")
    assert await look(office) == 0
    await office.take()
    assert await look(office) == 0
    assert len(await asked(office)) == 2
    async with office.pool.connection() as connection:
        desk = PostgresDataDesk(cast("Work", SimpleNamespace(connection=connection)))
        [organisation] = await organisations(connection)
        assert (await desk.collect("leaving", 1, organisation, ["R1"])).unknown_reps == ()
        assert (await desk.collect("the next one", 1, organisation, [])).reps == 0


async def test_what_is_under_way_is_waited_for_and_what_never_opened_is_asked_for_again(published: Office) -> None:
    office = published
    office.simulated.tenant.worker("2")["Termination_Date"] = YESTERDAY
    await office.take()
    await office.sql("UPDATE territories.alignments SET state = 'open'")
    await office.sql(
        "INSERT INTO territories.publications (version, alignment_id, release, organisation, plan_version, effective_from, facts)"
        " VALUES ('north-0.1', 'north-0', 1, 'north', 'p', '2026-01-01', '{}')"
    )
    await office.sql(
        "INSERT INTO territories.alignments (alignment_id, organisation, reason, asked_by, state, opened_at)"
        " VALUES ('north-0', 'north', 'yearly', 'olga', 'published', now())"
    )
    assert await look(office) == 1  # the quotas alone
    await office.sql("UPDATE territories.alignments SET state = 'published'")
    assert await look(office) == 1
    await office.sql("UPDATE people.moves SET asked_at = now() - interval '3 hours'")
    assert await look(office) == 0  # the message waits still
    await office.sql("DELETE FROM runtime.outbox")
    [before] = await office.sql("SELECT asked_id FROM people.moves WHERE what = 'territories'")
    assert await look(office) == 1
    [row] = await office.sql(
        "SELECT asked_at > now() - interval '1 hour' AS new FROM people.moves WHERE what = 'territories'"
    )
    assert (row["new"], before["asked_id"] is not None) == (True, True)


async def test_a_new_rep_with_a_place_joins_the_territories(
    published: Office, simulated: Simulated, tmp_path: Any
) -> None:
    office = published
    mapping = tmp_path / "workday.yaml"
    mapping.write_text(
        "workers: {employee_id: Employee_ID, name: Full_Name, email: Work_Email, manager: Manager_ID, territory: Sales_Territory,"
        " latitude: Lat, longitude: Lon, capacity: Hours}\nabsences: {employee_id: Employee_ID, first: First_Day}\n"
        "new_reps: {working_hours: {}}\n"
    )
    simulated.tenant.hire("77", "Zoe Stone", "1", Sales_Territory="iberia", Lat=41.4, Lon="2.2", Hours=1500)
    simulated.tenant.hire("78", "Yan Moor", "1", Sales_Territory="iberia")
    taken = await office.take(mapping=mapping)
    assert any("no territory is planned for them yet" in note for note in taken.notes)
    [planned] = await office.sql("SELECT place, region, capacity FROM territories.reps WHERE rep = '77'")
    assert planned == {"place": 1, "region": "iberia", "capacity": 1500}
    assert await look(office) == 1
    [territories] = await asked(office)
    assert (territories["reason"], territories["joining"]) == ("rep_joined", "77")


async def test_a_night_imports_once_and_not_before_the_first_one_by_hand(office: Office, team: Team) -> None:
    team(2)
    night = next(one for one in wiring.chores(office.resources()) if one.name == "people of Workday")
    await night.chore()
    assert not await office.sql("SELECT 1 FROM sync.runs")
    await office.take()
    await night.chore()
    office.at += timedelta(days=1)
    for _ in range(2):
        await night.chore()
    assert len(await office.sql("SELECT 1 FROM sync.runs WHERE system = 'workday' AND finished_at IS NOT NULL")) == 2


async def test_operations_are_told_once_why_nothing_was_taken_and_can_have_it_tried_again(
    office: Office, team: Team
) -> None:
    team(3)
    await office.take()
    office.at += timedelta(days=1)
    office.simulated.tenant.worker("2")["Manager_ID"] = ("1", "3")
    resources = office.resources()
    night = next(one for one in wiring.chores(resources) if one.name == "people of Workday")
    for _ in range(2):
        await night.chore()
    [letter] = await office.sql("SELECT * FROM runtime.dead_letters WHERE channel = %s", CHANNEL)
    assert "the worker 2 has 2 managers" in letter["reason"]
    row = OutboxRow(1, CHANNEL, letter["business_id"], letter["external_id"], letter["payload"], 0)
    with pytest.raises(PermanentError, match="2 managers"):
        await wiring.deliveries(resources)[CHANNEL](row)
    office.simulated.tenant.worker("2")["Manager_ID"] = "1"
    await wiring.deliveries(resources)[CHANNEL](row)
    assert len(await office.sql("SELECT 1 FROM sync.runs")) == 2


async def test_a_workday_that_is_away_is_asked_again_and_told_after_hours(office: Office, team: Team) -> None:
    team(2)
    await office.take()
    office.at += timedelta(days=1)
    office.at = office.at.replace(hour=3, minute=1)
    night = next(one for one in wiring.chores(office.resources()) if one.name == "people of Workday")
    office.simulated.door.faults = ["502"]
    await night.chore()
    asked_for = len(office.simulated.door.asked)
    await night.chore()  # not within a quarter of an hour
    assert len(office.simulated.door.asked) == asked_for
    assert not await office.sql("SELECT 1 FROM runtime.dead_letters")
    office.at += timedelta(hours=4)
    office.simulated.door.faults = ["502"]
    await night.chore()
    [letter] = await office.sql("SELECT reason FROM runtime.dead_letters")
    assert "asked again every quarter of an hour" in letter["reason"]
    office.at += timedelta(hours=1)
    await night.chore()
    assert len(await office.sql("SELECT 1 FROM sync.runs")) == 2
