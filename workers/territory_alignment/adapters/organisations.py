"""Organisations with their regions, accounts, reps and rules, as commands write them (tables territories.…)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.territory_alignment.domain.organisation import Organisation, Region

Row = Mapping[str, object]

COLUMNS: dict[str, tuple[str, ...]] = {
    "accounts": (
        *("account", "latitude", "longitude", "potential", "workload", "industry", "skills", "languages", "owner"),
        *("relationship_years", "region", "key_account"),
    ),
    "reps": (
        *("rep", "name", "email", "region", "latitude", "longitude", "capacity", "maximum_load", "skills"),
        "languages",
    ),
    "rules": ("rule", "account", "rep", "industry", "skills", "value"),
}
"""Of each table, but for `organisation` and `place`."""


def organisation_of(row: DictRow) -> Organisation:
    """An organisation from a row of its table."""
    return Organisation(
        **row
        | {
            "targets": tuple(row["targets"]),
            "people": {group: tuple(addresses) for group, addresses in row["people"].items()},
        }
    )


async def organisations(connection: AsyncConnection[DictRow]) -> list[Organisation]:
    """All there are, by id."""
    cursor = await connection.execute("SELECT * FROM territories.organisations ORDER BY id")
    return [organisation_of(row) for row in await cursor.fetchall()]


async def put_organisation(
    connection: AsyncConnection[DictRow], organisation: Organisation, regions: Sequence[Region]
) -> None:
    """Store an organisation and its regions; one of the same id is replaced."""
    given = organisation
    await connection.execute(
        """
        INSERT INTO territories.organisations (id, name, currency, timezone, holidays, weights, seconds, targets, people)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, currency = excluded.currency, timezone = excluded.timezone,
            holidays = excluded.holidays, weights = excluded.weights, seconds = excluded.seconds,
            targets = excluded.targets, people = excluded.people
        """,
        (
            *(given.id, given.name, given.currency, given.timezone, given.holidays, Jsonb(dict(given.weights))),
            *(given.seconds, list(given.targets), Jsonb({group: list(some) for group, some in given.people.items()})),
        ),
    )
    await connection.execute("DELETE FROM territories.regions WHERE organisation = %s", (given.id,))
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO territories.regions (organisation, region, manager, email) VALUES (%s, %s, %s, %s)",
            [(given.id, one.region, one.manager, one.email) for one in regions],
        )


async def put_rows(connection: AsyncConnection[DictRow], organisation: str, table: str, rows: Sequence[Row]) -> None:
    """Replace the rows of a table (a key of `COLUMNS`) of an organisation; missing columns get their default."""
    await connection.execute(
        sql.SQL("DELETE FROM territories.{} WHERE organisation = %s").format(sql.Identifier(table)), (organisation,)
    )
    given = [name for name in COLUMNS[table] if any(name in row for row in rows)]
    names = sql.SQL(", ").join(map(sql.Identifier, ["organisation", "place", *given]))
    async with (
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("COPY territories.{} ({}) FROM STDIN").format(sql.Identifier(table), names)) as copy,
    ):
        for place, row in enumerate(rows):
            await copy.write_row((organisation, place, *(row[name] for name in given)))
