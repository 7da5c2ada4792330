"""A simulated Workday tenant, and an office that takes its people over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.simulators.workday.serving import Simulated, served
from tests.simulators.workday.tenant import ABSENCES, WORKERS
from workers.connectors.roster import making
from workers.connectors.roster.importing import Taken
from workers.runtime.database import Pool
from workers.runtime.resources import Resources
from workers.settings import Settings, Workday

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
TODAY = NOW.date()
YESTERDAY = str(TODAY - timedelta(days=1))


@pytest.fixture
def simulated() -> Iterator[Simulated]:
    with served() as one:
        yield one


def settings_of(simulated: Simulated, **more: object) -> Workday:
    given: dict[str, object] = {
        "base_url": simulated.url,
        "trusted_hosts": ["127.0.0.1"],
        "tenant": simulated.tenant.name,
        "username": simulated.door.username,
        "password": simulated.door.password,
        "workers_report": WORKERS,
        "absences_report": ABSENCES,
    }
    return Workday.model_validate(given | more)


@dataclass
class Office:
    """Our side; `at` is the present moment."""

    simulated: Simulated
    pool: Pool
    at: datetime = NOW

    def resources(self, **settings: object) -> Resources:
        return Resources(Settings(workday=settings_of(self.simulated, **settings)), self.pool, clock=lambda: self.at)

    async def take(self, *, dry: bool = False, force: bool = False, **settings: object) -> Taken:
        return await making.take(self.resources(**settings), "olga", dry=dry, force=force)

    async def sql(self, query: str, *values: object) -> list[dict[str, Any]]:
        async with self.pool.connection() as connection:
            cursor = await connection.execute(query.encode(), values)
            return await cursor.fetchall() if cursor.description else []

    async def rep(self, rep_id: str) -> dict[str, Any]:
        [found] = await self.sql("SELECT * FROM routing.reps WHERE id = %s", rep_id)
        return found

    async def everything(self) -> list[object]:
        """All that an import may change, and its traces."""
        return [
            await self.sql(f"SELECT * FROM {table} ORDER BY 1, 2")
            for table in (
                *("routing.reps", "routing.territories", "routing.absences", "people.workers", "people.moves"),
                *("territories.reps", "territories.regions", "quotas.tables", "quotas.persons", "sync.runs"),
                *("runtime.audit", "runtime.outbox"),
            )
        ]

    async def organised(self) -> None:
        """A territory, a rep whom people entered, territories that are planned, and quotas with who decides."""
        await self.sql(
            "INSERT INTO routing.territories VALUES ('iberia', 'Iberia', 'Europe/Madrid', 'ES', 'Olga', 'olga@example.com')"
        )
        await self.sql(
            """INSERT INTO routing.reps (id, name, email, login, territories, timezone, holidays, working_hours,
                   languages, skills, weight, daily_capacity, open_capacity)
               VALUES ('R1', 'Ana R.', 'Ana@example.com', 'ana', '{iberia}', 'Europe/Madrid', 'ES', %s, '{es}', '{}', 1, 5, 5)""",
            Jsonb({}),
        )
        await self.sql("INSERT INTO territories.organisations (id, name) VALUES ('north', 'North')")
        await self.sql("INSERT INTO territories.regions VALUES ('north', 'iberia', 'olga', 'olga@example.com')")
        await self.sql(
            "INSERT INTO territories.reps (organisation, rep, place, name, email, region, latitude, longitude, capacity)"
            " VALUES ('north', 'R1', 0, 'Ana R.', 'ana@example.com', 'iberia', 40, -3, 1600)"
        )
        await self.sql(
            "INSERT INTO quotas.organisations (id, name, currency, timezone, holidays, targets, rules)"
            " VALUES ('field', 'Field', 'EUR', 'UTC', 'ES', '{crm}', '{}')"
        )
        for name, rows in {
            "units": [{"unit": "T1", "parent": "", "level": "team", "name": "Team"}],
            "forecast": [{"period": str(year), "segment": "s", "month": f"{year}-12"} for year in (2025, 2026, 2027)],
            "reps": [
                {"period": str(year), "rep": "R1", "name": "Ana R.", "unit": "T1", "hired": "2020-01-01", "left": ""}
                for year in (2025, 2026)
            ],
            "territories": [{"period": "2026", "rep": "R1", "segment": "s", "potential": "60"}],
        }.items():
            await self.sql("INSERT INTO quotas.tables VALUES ('field', %s, %s)", name, Jsonb(rows))
        await self.sql(
            "INSERT INTO quotas.persons (organisation, login, name, email, role, node)"
            " VALUES ('field', 'olga', 'Olga', 'olga@example.com', 'manager', 'T1'),"
            " ('field', 'maria', 'Maria', 'maria@example.com', 'director', NULL)"
        )


@pytest.fixture
def office(simulated: Simulated, pool: Pool) -> Office:
    return Office(simulated, pool)


@pytest.fixture
def team(simulated: Simulated) -> Callable[[int], None]:
    """Maria, and so many who work for her: Ana, then others."""

    def hire(number: int) -> None:
        simulated.tenant.hire("1", "Maria Costa")
        for place, name in enumerate(["Ana Ruiz", *(f"P{one} Person" for one in range(number - 1))], start=2):
            simulated.tenant.hire(str(place), name, "1", Sales_Territory="Iberia", Languages=("Spanish", "English"))

    return hire
