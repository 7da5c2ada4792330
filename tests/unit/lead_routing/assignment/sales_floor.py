"""A small sales organisation in a real database, for tests of the assignment desk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

ALWAYS = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
OFFICE = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
"""A Wednesday without a holiday anywhere used here."""


@dataclass(frozen=True)
class Seat:
    """A row of routing.reps with the columns that a test cares about."""

    id: str
    territories: tuple[str, ...] = ("dach",)
    weight: float = 1.0
    daily: int = 1000
    room: int = 1000
    languages: tuple[str, ...] = ("en", "de")
    skills: tuple[str, ...] = ()
    active: bool = True
    timezone: str = "UTC"
    hours: Mapping[str, list[list[str]]] = field(default_factory=lambda: ALWAYS)


@dataclass(frozen=True)
class OnConnection:
    """The transaction of one connection."""

    connection: AsyncConnection[DictRow]


async def clear(connection: AsyncConnection[DictRow]) -> None:
    await connection.execute("TRUNCATE routing.reps, routing.leads, routing.territories CASCADE")


async def seat(connection: AsyncConnection[DictRow], seats: Iterable[Seat]) -> None:
    for each in seats:
        await connection.execute(
            """INSERT INTO routing.reps (id, name, email, login, territories, timezone, holidays, working_hours,
                   languages, skills, weight, daily_capacity, open_capacity, active)
               VALUES (%s, %s, %s, %s, %s, %s, 'DE', %s, %s, %s, %s, %s, %s, %s)""",
            (
                each.id,
                each.id.title(),
                f"{each.id}@example.com",
                each.id,
                list(each.territories),
                each.timezone,
                Jsonb(dict(each.hours)),
                list(each.languages),
                list(each.skills),
                each.weight,
                each.daily,
                each.room,
                each.active,
            ),
        )


async def leads(connection: AsyncConnection[DictRow], count: int) -> list[str]:
    ids = [f"lead-{number:05}" for number in range(count)]
    await connection.execute(
        "INSERT INTO routing.leads (lead_id, source, raw) SELECT id, 'test', '{}' FROM unnest(%s::text[]) AS id", (ids,)
    )
    return ids


async def absent(connection: AsyncConnection[DictRow], rep_id: str, start: datetime, end: datetime) -> None:
    await connection.execute(
        "INSERT INTO routing.absences (rep_id, starts_at, ends_at) VALUES (%s, %s, %s)", (rep_id, start, end)
    )


async def credits_of(connection: AsyncConnection[DictRow], pool: str) -> dict[str, float]:
    cursor = await connection.execute("SELECT rep_id, credit FROM routing.credits WHERE pool = %s", (pool,))
    return {row["rep_id"]: row["credit"] for row in await cursor.fetchall()}
