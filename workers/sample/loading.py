"""Writes the sample organisation to the database."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from workers.sample.organisation import SAMPLE_ABSENCE, organisation


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many rows of each kind the organisation has."""

    territories: int
    reps: int
    absences: int
    accounts: int


async def load(pool: AsyncConnectionPool[AsyncConnection[DictRow]], seed: int, today: dt.date | None = None) -> Loaded:
    """Write the organisation to the database; rows that exist are put back to what the seed says.

    May be repeated. Credits, assignments, leads, and absences that somebody added are left alone.
    """
    found = organisation(seed, today or dt.datetime.now(dt.UTC).date())
    async with pool.connection() as connection, connection.transaction(), connection.cursor() as cursor:
        await cursor.executemany(
            """INSERT INTO routing.territories (id, name, timezone, holidays, manager_name, manager_email)
            VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO UPDATE SET name = excluded.name,
            timezone = excluded.timezone, holidays = excluded.holidays, manager_name = excluded.manager_name,
            manager_email = excluded.manager_email""",
            [(m.territory.id, m.territory.name, m.territory.timezone, m.territory.holidays, m.name, m.email)
             for m in found.managers],
        )  # fmt: skip
        await cursor.executemany(
            """INSERT INTO routing.reps (id, name, email, login, territories, timezone, holidays, working_hours,
            languages, skills, weight, daily_capacity, open_capacity)
            VALUES (%(id)s, %(name)s, %(email)s, %(login)s, %(territories)s, %(timezone)s, %(holidays)s,
            %(working_hours)s, %(languages)s, %(skills)s, %(weight)s, %(daily_capacity)s, %(open_capacity)s)
            ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email, login = excluded.login,
            territories = excluded.territories, timezone = excluded.timezone, holidays = excluded.holidays,
            working_hours = excluded.working_hours, languages = excluded.languages, skills = excluded.skills,
            weight = excluded.weight, daily_capacity = excluded.daily_capacity,
            open_capacity = excluded.open_capacity, active = true""",
            [asdict(rep) | {"working_hours": Jsonb(rep.working_hours)} for rep in found.reps],
        )
        await cursor.execute(
            "DELETE FROM routing.absences WHERE rep_id = ANY(%s) AND starts_with(reason, %s)",
            ([rep.id for rep in found.reps], SAMPLE_ABSENCE),
        )
        await cursor.executemany(
            """INSERT INTO routing.absences (rep_id, starts_at, ends_at, reason)
            VALUES (%(rep_id)s, %(starts_at)s, %(ends_at)s, %(reason)s)""",
            [asdict(absence) for absence in found.absences],
        )
        await cursor.executemany(
            """INSERT INTO crm.accounts (id, name, domain, country, industry, employees, annual_revenue_eur, phone,
            owner_id, open_opportunities)
            VALUES (%(id)s, %(name)s, %(domain)s, %(country)s, %(industry)s, %(employees)s, %(annual_revenue_eur)s,
            %(phone)s, %(owner_id)s, %(open_opportunities)s)
            ON CONFLICT (id) DO UPDATE SET name = excluded.name, domain = excluded.domain, country = excluded.country,
            industry = excluded.industry, employees = excluded.employees,
            annual_revenue_eur = excluded.annual_revenue_eur, phone = excluded.phone, owner_id = excluded.owner_id,
            open_opportunities = excluded.open_opportunities, updated_at = now()""",
            [asdict(account) for account in found.accounts],
        )
    return Loaded(len(found.managers), len(found.reps), len(found.absences), len(found.accounts))
