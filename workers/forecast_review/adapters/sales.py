"""Organisations and their sales, as commands and HTTP write them (tables forecasting.organisations and sales, erp.sales)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import LiteralString

from psycopg import AsyncConnection
from psycopg.rows import DictRow, tuple_row
from psycopg.types.json import Jsonb

from workers.forecast_review.domain.organisation import Organisation
from workers.forecast_review.domain.upkeep import Cells

Sale = tuple[str, date, float]
"""Segment (its path, ``/`` between the levels), first day of the month, value."""

_TO_STORE: LiteralString = """
    INSERT INTO forecasting.sales AS s (organisation, segment, month, value, source)
    SELECT %(organisation)s, given.*, %(source)s
    FROM unnest(%(segments)s::text[], %(months)s::date[], %(values)s::float8[]) AS given
    ON CONFLICT (organisation, segment, month) DO UPDATE
    SET value = excluded.value, source = excluded.source, received_at = clock_timestamp()
    WHERE s.value IS DISTINCT FROM excluded.value RETURNING (xmax = 0) AS new
"""
_TO_ERP: LiteralString = """
    INSERT INTO erp.sales AS s (organisation, segment, month, amount)
    SELECT %(organisation)s, given.*
    FROM unnest(%(segments)s::text[], %(months)s::date[], %(values)s::float8[]) AS given
    ON CONFLICT (organisation, segment, month) DO UPDATE SET amount = excluded.amount, booked_at = clock_timestamp()
    WHERE s.amount IS DISTINCT FROM excluded.amount RETURNING (xmax = 0) AS new
"""
_FROM_STORE: LiteralString = """
    SELECT segment, to_char(month, 'YYYY-MM'), value FROM forecasting.sales
    WHERE organisation = %s AND month BETWEEN %s AND %s
"""
_FROM_ERP: LiteralString = """
    SELECT segment, to_char(month, 'YYYY-MM'), amount FROM erp.sales
    WHERE organisation = %s AND month BETWEEN %s AND %s AND amount IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of sales that were given."""

    new: int
    changed: int
    same: int


def organisation_of(row: DictRow) -> Organisation:
    """An organisation from a row of its table."""
    return Organisation(
        **row
        | {
            "levels": tuple(row["levels"]),
            "groups": tuple(tuple(group) for group in row["groups"]),
            "targets": tuple(row["targets"]),
            "people": {group: tuple(addresses) for group, addresses in row["people"].items()},
        }
    )


async def organisations(connection: AsyncConnection[DictRow]) -> list[Organisation]:
    """All there are, by id."""
    cursor = await connection.execute("SELECT * FROM forecasting.organisations ORDER BY id")
    return [organisation_of(row) for row in await cursor.fetchall()]


async def organisation(connection: AsyncConnection[DictRow], name: str) -> Organisation | None:
    """One of them, or None."""
    cursor = await connection.execute("SELECT * FROM forecasting.organisations WHERE id = %s", (name,))
    row = await cursor.fetchone()
    return None if row is None else organisation_of(row)


async def put_organisation(connection: AsyncConnection[DictRow], organisation: Organisation) -> None:
    """Store an organisation; one of the same id is replaced, its sales stay."""
    given = organisation
    await connection.execute(
        """
        INSERT INTO forecasting.organisations (id, name, levels, groups, unit, currency, horizon, source, schedule,
            timezone, holidays, targets, people)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, levels = excluded.levels, groups = excluded.groups,
            unit = excluded.unit, currency = excluded.currency, horizon = excluded.horizon, source = excluded.source,
            schedule = excluded.schedule, timezone = excluded.timezone, holidays = excluded.holidays,
            targets = excluded.targets, people = excluded.people
        """,
        (
            given.id,
            given.name,
            list(given.levels),
            Jsonb(given.groups),
            given.unit,
            given.currency,
            given.horizon,
            given.source,
            given.schedule,
            given.timezone,
            given.holidays,
            list(given.targets),
            Jsonb(dict(given.people)),
        ),
    )


async def put_sales(
    connection: AsyncConnection[DictRow], organisation: Organisation, sales: Iterable[Sale], *, source: str
) -> Stored:
    """Store sales where the organisation's are collected from; a value that came before is replaced. `source` says where
    they come from. Each segment and month may be given once.
    """
    given = list(sales)
    cursor = await connection.execute(
        _TO_ERP if organisation.source == "erp" else _TO_STORE,
        {
            "organisation": organisation.id,
            "segments": [segment for segment, _, _ in given],
            "months": [month for _, month, _ in given],
            "values": [value for _, _, value in given],
            "source": source,
        },
    )
    new = [row["new"] for row in await cursor.fetchall()]
    return Stored(sum(new), len(new) - sum(new), len(given) - len(new))


async def sales_of(connection: AsyncConnection[DictRow], organisation: Organisation, months: Sequence[str]) -> Cells:
    """What was sold from the first to the last of some months (``2026-01``), by segment and month, read where `put_sales`
    writes it.
    """
    query = _FROM_ERP if organisation.source == "erp" else _FROM_STORE
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(query, (organisation.id, f"{min(months)}-01", f"{max(months)}-01"))
        return {(segment, month): value for segment, month, value in await cursor.fetchall()}
