"""The sample organisation is at work at every hour, and loading it twice changes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict
from zoneinfo import ZoneInfo

import pytest

from workers.office.calendar import Presence, WorkCalendar, parse_hours, public_holidays
from workers.runtime.database import Pool
from workers.sample.geography import COUNTRIES, TERRITORIES, TERRITORY_OF
from workers.sample.loading import load
from workers.sample.organisation import ACCOUNTS, SKILLS, Rep, organisation

TODAY = dt.date(2026, 11, 21)
FOUND = organisation(1, TODAY)


def calendar(rep: Rep) -> WorkCalendar:
    away = [(a.starts_at, a.ends_at) for a in FOUND.absences if a.rep_id == rep.id]
    return WorkCalendar(
        ZoneInfo(rep.timezone), parse_hours(rep.working_hours), public_holidays(rep.holidays), tuple(away)
    )


def present(reps: Sequence[Rep], moment: dt.datetime) -> list[Rep]:
    return [rep for rep in reps if calendar(rep).presence(moment) is Presence.AT_WORK]


def test_it_follows_from_the_seed() -> None:
    assert organisation(1, TODAY) == FOUND
    assert organisation(2, TODAY) != FOUND


def test_stated_numbers() -> None:
    assert len(FOUND.reps) == 40
    assert len({rep.login for rep in FOUND.reps}) == 40
    assert len(FOUND.managers) == 6
    assert len(FOUND.accounts) == ACCOUNTS
    assert len({account.domain for account in FOUND.accounts}) == ACCOUNTS
    assert sum(country.share for country in COUNTRIES) == pytest.approx(1)


@pytest.mark.parametrize("territory", [territory.id for territory in TERRITORIES])
def test_every_team_has_every_skill(territory: str) -> None:
    team = [rep for rep in FOUND.reps if rep.territories == [territory]]
    assert {skill for rep in team for skill in rep.skills} == {"core", *SKILLS}


@pytest.mark.parametrize(
    "monday", [dt.date(2026, 2, 2), dt.date(2026, 7, 6), dt.date(2026, 3, 23), dt.date(2026, 10, 26)]
)
def test_two_of_the_desk_are_at_work_at_every_hour_of_the_week(monday: dt.date) -> None:
    """In winter, in summer, and in the weeks between the changes of the clocks of North America and Europe."""
    desk = [rep for rep in FOUND.reps if rep.id.startswith("rep-desk-")]
    start = dt.datetime.combine(monday, dt.time(), dt.UTC)
    holidays = {(hub, day) for hub, day in [("Dublin", dt.date(2026, 2, 2)), ("Dublin", dt.date(2026, 10, 26))]}
    for half_hour in range(7 * 48):
        moment = start + dt.timedelta(minutes=30 * half_hour)
        if ("Dublin", moment.date()) in holidays:
            continue  # Saint Brigid's day, October bank holiday: the other hubs do not cover Dublin's middle of the day
        assert len(present(desk, moment)) >= 2, moment


def test_each_territory_has_its_own_people_at_work_in_its_office_hours() -> None:
    wednesday = dt.datetime(2026, 11, 18, tzinfo=dt.UTC)
    for territory in TERRITORIES:
        team = [rep for rep in FOUND.reps if rep.territories == [territory.id]]
        assert any(present(team, wednesday + dt.timedelta(hours=hour)) for hour in range(24)), territory.id


def test_accounts_are_owned_in_their_territory() -> None:
    territories = {rep.id: rep.territories for rep in FOUND.reps}
    for account in FOUND.accounts:
        assert territories[account.owner_id] == [TERRITORY_OF[account.country]]


async def test_loading_twice_changes_nothing(pool: Pool) -> None:
    loaded = await load(pool, 1, TODAY)
    first = await rows(pool)
    assert await load(pool, 1, TODAY) == loaded
    assert await rows(pool) == first
    assert asdict(loaded) == {"territories": 6, "reps": 40, "absences": 6, "accounts": 400}
    assert [len(table) for table in first] == [6, 40, 6, 400]


async def test_loading_puts_reps_back_and_keeps_absences_that_somebody_added(pool: Pool) -> None:
    await load(pool, 1, TODAY)
    before = await rows(pool)
    async with pool.connection() as connection:
        await connection.execute("UPDATE routing.reps SET open_capacity = 0, active = false WHERE id = 'rep-dach-1'")
        await connection.execute(
            "INSERT INTO routing.absences (rep_id, starts_at, ends_at, reason)"
            " VALUES ('rep-dach-1', now(), now() + interval '1 day', 'dentist')"
        )
    await load(pool, 1, TODAY)
    after = await rows(pool)
    assert after[1] == before[1]
    assert len(after[2]) == len(before[2]) + 1


async def rows(pool: Pool) -> list[list[dict[str, object]]]:
    queries = (
        "SELECT * FROM routing.territories ORDER BY id",
        "SELECT * FROM routing.reps ORDER BY id",
        "SELECT rep_id, starts_at, ends_at, reason FROM routing.absences ORDER BY rep_id, starts_at",
        "SELECT id, name, domain, owner_id, employees, open_opportunities FROM crm.accounts ORDER BY id",
    )
    async with pool.connection() as connection:
        return [await (await connection.execute(query)).fetchall() for query in queries]
