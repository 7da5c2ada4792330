"""Organisations and their tables in the database (quotas.organisations, tables and persons), loaded from a folder."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.quota_approval.domain.people import Person
from workers.quota_approval.domain.reviews import Organisation

TABLES = ("units", "reps", "territories", "forecast", "pipeline", "results", "ramp", "bounds")
"""As docs/quota.md declares them."""
NEEDED = ("units", "reps", "territories", "forecast")
PEOPLE = "people.csv"
ROLES = ("rep", "manager", "director", "finance", "ops")


class LoadError(ValueError):
    """The folder cannot be loaded; the message says what to do."""


def read_folder(folder: Path) -> tuple[dict[str, list[dict[str, str]]], dict[str, Any], list[Person]]:  # Any: YAML
    """Tables, rules and people of a folder.

    Raises:
        LoadError: a file that is needed is missing, or a row of people cannot be used.
    """
    tables = {name: _rows(folder / f"{name}.csv") for name in TABLES if (folder / f"{name}.csv").is_file()}
    if missing := [f"{name}.csv" for name in NEEDED if name not in tables]:
        raise LoadError(f"{folder} lacks {', '.join(missing)}; `fairlead quota sample` writes a folder that has all")
    rules_file = folder / "rules.yaml"
    if not rules_file.is_file():
        raise LoadError(f"{rules_file} is missing; docs/quota.md shows one")
    rules = yaml.safe_load(rules_file.read_text(encoding="utf-8"))
    people = (
        [_person(row, place) for place, row in enumerate(_rows(folder / PEOPLE), 2)]
        if (folder / PEOPLE).is_file()
        else []
    )
    return tables, rules, people


async def load(
    connection: AsyncConnection[DictRow],
    organisation: Organisation,
    tables: Mapping[str, Sequence[Mapping[str, str]]],
    people: Sequence[Person],
) -> None:
    """Put an organisation with its tables and people in the place of what was loaded before, in one transaction."""
    async with connection.transaction():
        await connection.execute(
            """
            INSERT INTO quotas.organisations (id, name, currency, timezone, holidays, targets, people, rules, forecast_of,
                territories_of)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (id) DO UPDATE SET name = excluded.name, currency = excluded.currency,
                timezone = excluded.timezone, holidays = excluded.holidays, targets = excluded.targets,
                people = excluded.people, rules = excluded.rules, forecast_of = excluded.forecast_of,
                territories_of = excluded.territories_of
            """,
            (
                *(organisation.id, organisation.name, organisation.currency, organisation.timezone),
                *(organisation.holidays, list(organisation.targets)),
                Jsonb({group: list(addresses) for group, addresses in organisation.people.items()}),
                *(Jsonb(dict(organisation.rules)), organisation.forecast_of, organisation.territories_of),
            ),
        )
        await connection.execute("DELETE FROM quotas.tables WHERE organisation = %s", (organisation.id,))
        await connection.execute("DELETE FROM quotas.persons WHERE organisation = %s", (organisation.id,))
        async with connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO quotas.tables (organisation, name, rows) VALUES (%s, %s, %s)",
                [(organisation.id, name, Jsonb(list(map(dict, rows)))) for name, rows in tables.items()],
            )
            await cursor.executemany(
                "INSERT INTO quotas.persons (organisation, login, name, email, role, node, substitute, away_from,"
                " away_until) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    (
                        *(organisation.id, one.login, one.name, one.email, one.role, one.node),
                        *(one.substitute, one.away_from, one.away_until),
                    )
                    for one in people
                ],
            )


def _rows(path: Path) -> list[dict[str, str]]:
    text = path.read_text(encoding="utf-8-sig")
    separator = max(",;\t", key=text.partition("\n")[0].count)
    return [dict(row) for row in csv.DictReader(text.splitlines(), delimiter=separator)]


def _person(row: Mapping[str, str], place: int) -> Person:
    if row.get("role") not in ROLES or not row.get("login") or "@" not in row.get("email", ""):
        raise LoadError(f"{PEOPLE}, row {place}: needs login, email and a role of {', '.join(ROLES)}")
    return Person(
        login=row["login"],
        name=row.get("name") or row["login"],
        email=row["email"],
        role=row["role"],
        node=row.get("node") or None,
        substitute=row.get("substitute") or None,
        away_from=_moment(row.get("away_from"), place),
        away_until=_moment(row.get("away_until"), place),
    )


def _moment(text: str | None, place: int) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise LoadError(f"{PEOPLE}, row {place}: {text!r} is no day such as 2027-03-01") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
