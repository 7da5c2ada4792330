"""People are taken over: all or nothing, once, and by what changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.simulators.workday.tenant import WORKERS
from tests.unit.connectors.workday.conftest import NOW, TODAY, YESTERDAY, Office
from workers.connectors.roster.values import RosterRefused

Team = Callable[[int], None]


async def test_a_first_import_takes_up_reps_managers_and_absences(office: Office, team: Team) -> None:
    await office.organised()
    team(3)
    office.simulated.tenant.worker("2")["Languages"] = "German"  # people here said es, which stays
    office.simulated.tenant.worker("3").update(Quota_Unit="T1", Hire_Date=str(TODAY - timedelta(days=9)))
    office.simulated.tenant.absences.append(
        {"Employee_ID": "2", "First_Day": str(TODAY), "Last_Day": str(TODAY), "Substitute_ID": "3"}
    )
    taken = await office.take(force=True)  # everybody's manager is another one than the territory's
    ana, new = await office.rep("R1"), await office.rep("3")
    assert (ana["name"], ana["email"], ana["login"], ana["languages"]) == ("Ana Ruiz", "Ana@example.com", "ana", ["es"])
    assert (new["login"], new["territories"], new["languages"], new["active"]) == (
        *("p0@example.com", ["iberia"], ["en", "es"], True),
    )
    [territory] = await office.sql("SELECT manager_name, manager_email FROM routing.territories")
    assert territory == {"manager_name": "Maria Costa", "manager_email": "maria@example.com"}
    [region] = await office.sql("SELECT manager, email FROM territories.regions")
    assert region == {"manager": "maria@example.com", "email": "maria@example.com"}
    [absence] = await office.sql("SELECT rep_id, starts_at, ends_at, source, reason FROM routing.absences")
    madrid = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC) - timedelta(hours=1)
    assert absence == {
        "rep_id": "R1", "starts_at": madrid, "ends_at": madrid + timedelta(days=1), "source": "workday", "reason": "",
    }  # fmt: skip
    [table] = await office.sql("SELECT rows FROM quotas.tables WHERE name = 'reps'")
    hired = {(row["period"], row["rep"]): row["hired"] for row in table["rows"]}
    assert hired == {  # what is over stays as it was, and 2027 is planned with nobody yet
        ("2025", "R1"): "2020-01-01", ("2026", "R1"): "2020-03-02", ("2026", "3"): str(TODAY - timedelta(days=9)),
    }  # fmt: skip
    assert any("is another unit's or has another role" in note for note in taken.notes)  # Maria is a director
    assert not await office.sql("SELECT 1 FROM routing.reps WHERE id = '1'")  # who manages others sells nothing


async def test_the_same_again_changes_nothing(office: Office, team: Team) -> None:
    await office.organised()
    team(3)
    office.simulated.tenant.absences.append({"Employee_ID": "2", "First_Day": str(TODAY)})
    await office.take(force=True)
    before = await office.everything()
    office.at += timedelta(days=1)
    again = await office.take()
    assert (list(again.lines), again.unchanged) == ([], 4)
    now = await office.everything()
    del now[9], before[9]  # the report that it was done
    now[3], before[3] = [[{**row, "seen_at": 0} for row in some] for some in (_rows(now[3]), _rows(before[3]))]
    assert now == before


async def test_a_dry_run_says_what_an_import_does_and_does_nothing(office: Office, team: Team) -> None:
    await office.organised()
    team(3)
    before = await office.everything()
    dry = await office.take(dry=True)
    assert await office.everything() == before
    assert "get another manager" in dry.doubts
    done = await office.take(force=True)
    assert [one.subject for one in done.lines] == [one.subject for one in dry.lines]


async def test_what_people_set_here_stays_until_workday_says_something_new(office: Office, team: Team) -> None:
    await office.organised()
    team(3)
    await office.take(force=True)
    await office.sql("UPDATE routing.reps SET territories = '{south}', skills = '{x}' WHERE id = '3'")
    await office.take()
    assert (await office.rep("3"))["territories"] == ["south"]  # a published alignment gave them, for instance
    office.simulated.tenant.worker("3")["Skills"] = ("enterprise", "public")
    await office.take()
    new = await office.rep("3")
    assert (new["territories"], new["skills"]) == (["south"], ["enterprise", "public"])


async def test_who_leaves_is_unavailable_and_not_deleted(office: Office, team: Team) -> None:
    await office.organised()
    team(10)
    await office.take(force=True)
    office.simulated.tenant.worker("2")["Termination_Date"] = YESTERDAY
    await office.take()
    assert (await office.rep("R1"))["active"] is False
    moves = await office.sql("SELECT rep_id, kind, what, organisation FROM people.moves ORDER BY id")
    assert moves == [
        {"rep_id": "R1", "kind": "left", "what": what, "organisation": of}
        for what, of in (("territories", "north"), ("quotas", "field"))
    ]
    [planned] = await office.sql("SELECT left_on FROM territories.reps")
    assert str(planned["left_on"]) == YESTERDAY
    [table] = await office.sql("SELECT rows FROM quotas.tables WHERE name = 'reps'")
    assert [row["left"] for row in table["rows"]] == ["", YESTERDAY]
    office.simulated.tenant.worker("2")["Termination_Date"] = ""
    await office.take()
    assert (await office.rep("R1"))["active"] is True
    settled = await office.sql("SELECT settled FROM people.moves")
    assert settled == [{"settled": "came back"}] * 2
    assert await office.sql("SELECT 1 FROM territories.reps WHERE left_on IS NULL")


async def test_more_changes_than_allowed_are_refused_until_forced(office: Office, team: Team) -> None:
    team(9)
    await office.take()
    office.simulated.tenant.reports[WORKERS].rows = office.simulated.tenant.workers[:7]  # 3 of 10 are in no row
    before = await office.everything()
    with pytest.raises(RosterRefused, match=r"30 % of 10 people would be taken away \(3\)"):
        await office.take()
    assert await office.everything() == before
    assert await office.take(most_changed_percent=30)
    assert len(await office.sql("SELECT 1 FROM people.workers WHERE left_on IS NOT NULL")) == 3


async def test_many_who_get_another_manager_are_too_many_too(office: Office, team: Team) -> None:
    team(5)
    await office.take()
    for row in office.simulated.tenant.workers[2:5]:
        row["Manager_ID"] = "2"
    with pytest.raises(RosterRefused, match=r"get another manager \(3\)"):
        await office.take()
    await office.take(force=True)
    [trail] = await office.sql(
        "SELECT actor, before, after, why FROM runtime.audit WHERE subject = 'workday:3' AND before ? 'manager' AND before->>'manager' = '1'"
    )
    assert (trail["actor"], trail["before"], trail["after"]) == ("olga", {"manager": "1"}, {"manager": "2"})
    assert "by force" in trail["why"]


async def test_an_empty_report_takes_nobody_away_even_by_force(office: Office, team: Team) -> None:
    team(3)
    office.simulated.tenant.absences.append({"Employee_ID": "2", "First_Day": str(TODAY)})
    await office.take()
    office.simulated.tenant.absences.clear()
    with pytest.raises(RosterRefused, match="report on absences is empty"):
        await office.take()
    office.simulated.tenant.workers.clear()
    with pytest.raises(RosterRefused, match="no worker at all"):
        await office.take(force=True)
    assert len(await office.sql("SELECT 1 FROM routing.reps WHERE active")) == 3


async def test_who_can_not_be_read_stays(office: Office, team: Team) -> None:
    team(2)
    await office.take()
    office.simulated.tenant.worker("2")["Work_Email"] = ""
    taken = await office.take()
    assert (await office.rep("2"))["active"] is True
    assert "stays as they are" in taken.notes[0]


async def test_a_failure_half_way_leaves_nothing(office: Office, team: Team) -> None:
    team(3)
    await office.sql("ALTER TABLE runtime.audit ADD CHECK (subject <> 'workday:3')")
    before = await office.everything()
    with pytest.raises(Exception, match="violates check constraint"):
        await office.take()
    assert await office.everything() == before


async def test_who_decides_on_quotas_is_stood_in_for(office: Office, team: Team) -> None:
    await office.organised()
    team(2)
    tenant = office.simulated.tenant
    tenant.absences.extend(
        [
            {"Employee_ID": "1", "First_Day": str(TODAY), "Last_Day": str(TODAY), "Substitute_ID": "2"},
            {
                "Employee_ID": "1",
                "First_Day": str(TODAY + timedelta(days=1)),
                "Last_Day": str(TODAY + timedelta(days=3)),
            },
        ]
    )
    await office.sql(
        "INSERT INTO quotas.persons (organisation, login, name, email, role)"
        " VALUES ('field', 'ana.r', 'Ana', 'Ana@example.com', 'finance')"
    )
    await office.take(force=True)
    maria = "SELECT substitute, away_from, away_until FROM quotas.persons WHERE login = 'maria'"
    [away] = await office.sql(maria)
    assert away["substitute"] == "ana.r"
    assert away["away_from"] <= NOW < away["away_until"]
    assert away["away_until"] - away["away_from"] == timedelta(days=4)
    tenant.absences[:] = [{"Employee_ID": "2", "First_Day": str(TODAY)}]
    await office.take()
    [away] = await office.sql(maria)
    assert away["away_from"] is None


async def test_a_manager_s_new_address_follows_everywhere(office: Office, team: Team) -> None:
    await office.organised()
    team(2)
    await office.take(force=True)
    office.simulated.tenant.worker("1")["Work_Email"] = "mcosta@example.com"
    await office.take()
    [territory] = await office.sql("SELECT manager_email FROM routing.territories")
    [person] = await office.sql("SELECT email FROM quotas.persons WHERE login = 'maria'")
    assert territory["manager_email"] == person["email"] == "mcosta@example.com"
    assert not await office.sql("SELECT 1 FROM runtime.audit WHERE before::text || after::text ~ '@example.com'")


def _rows(found: object) -> list[dict[str, Any]]:
    assert isinstance(found, list)
    return found
