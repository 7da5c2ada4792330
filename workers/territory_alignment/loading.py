"""Loads an organisation with its accounts, reps and rules: what `fairlead territory load` and the sample do."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.office.calendar import CalendarError, office_calendar
from workers.spreadsheets import meant
from workers.territory_alignment.adapters.organisations import COLUMNS, Row, organisations, put_organisation, put_rows
from workers.territory_alignment.domain.organisation import Organisation, Region
from workers.territory_alignment.solving.errors import InputError
from workers.territory_alignment.solving.frames import account_frame, rep_frame, rule_frame
from workers.territory_alignment.solving.organisation import Weights
from workers.territory_alignment.solving.sample import sample_organisation

ID = "[a-z][a-z0-9_]{0,62}"
"""Of an organisation, as the table demands."""
NUMBERS = {
    "accounts": ("latitude", "longitude", "potential", "workload", "relationship_years"),
    "reps": ("latitude", "longitude", "capacity", "maximum_load"),
    "rules": (),
}
SAMPLE = "sample_north"
SAMPLE_REPS, SAMPLE_ACCOUNTS = 8, 160
SAMPLE_PEOPLE: dict[str, tuple[str, ...]] = {
    "sales-ops": ("sales-ops@north.example",),
    "sales-managers": ("managers@north.example",),
    "sales-directors": ("director@north.example",),
    "sales-finance": ("finance@north.example",),
}


@dataclass(frozen=True)
class Wishes:
    """What somebody says of an organisation; None leaves it as it is."""

    name: str | None = None
    currency: str | None = None
    timezone: str | None = None
    holidays: str | None = None
    weights: Mapping[str, float] | None = None
    seconds: float | None = None
    targets: tuple[str, ...] | None = None
    people: Mapping[str, tuple[str, ...]] | None = None


def read_rows(path: Path, table: str) -> list[Row]:
    """Rows of a CSV file (comma, semicolon or tab) with the columns that docs/territory.md names; others are passed over.

    Raises:
        InputError: the file cannot be read, or a figure is none. Anything else is told when an alignment collects the rows.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as UTF-8: {error}") from error
    head = text.partition("\n")[0]
    found: list[Row] = []
    for number, row in enumerate(csv.DictReader(text.splitlines(), delimiter=max(",;\t", key=head.count)), start=2):
        cells = {(name or "").strip(): meant(cell.strip()) for name, cell in row.items() if isinstance(cell, str)}
        found.append(
            {name: _value(path, number, table, name, cell) for name, cell in cells.items() if name in COLUMNS[table]}
        )
    return found


def _value(path: Path, number: int, table: str, name: str, cell: str) -> object:
    if name == "key_account":
        return cell.casefold() in {"yes", "true", "1"}
    if name not in NUMBERS[table]:
        return cell
    try:
        return float(cell) if cell else None
    except ValueError:
        raise InputError(f"{path.name}, row {number}: {name} is {cell!r}, not a number") from None


def read_regions(path: Path) -> list[Region]:
    """Rows of a CSV file with the columns `region, manager, email`.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as UTF-8: {error}") from error
    return [Region(row.get("region") or "", row.get("manager") or "", row.get("email") or "") for row in rows]


async def load(
    connection: AsyncConnection[DictRow],
    organisation: str,
    wishes: Wishes,
    *,
    tables: Mapping[str, Sequence[Row]],
    regions: Sequence[Region],
) -> Organisation:
    """Store an organisation; rows that were there are replaced.

    Args:
        connection: part of its transaction.
        organisation: its id.
        wishes: what is said of it.
        tables: `accounts`, `reps` and `rules`.
        regions: those that reps name and have no row get one without a manager.

    Raises:
        InputError: it cannot be so; the message says what can.
    """
    _check(organisation, wishes)
    known = {one.id: one for one in await organisations(connection)}.get(organisation)
    wanted = known or Organisation(
        id=organisation,
        name=organisation.replace("_", " ").capitalize(),
        currency="",
        timezone="UTC",
        holidays="US",
        weights={},
        seconds=60.0,
        targets=("crm", "routing"),
        people={},
    )
    wanted = replace(wanted, **{key: value for key, value in vars(wishes).items() if value is not None})
    told = {one.region for one in regions}
    more = sorted({str(row.get("region") or "") for row in tables["reps"]} - told)
    await put_organisation(connection, wanted, [*regions, *(Region(region, "", "") for region in more)])
    for table, rows in tables.items():
        ids = [row.get(COLUMNS[table][0]) for row in rows] if table != "rules" else []
        if len(set(ids)) < len(ids):
            twice = next(one for one in ids if ids.count(one) > 1)
            raise InputError(f"the {table[:-1]} {twice!r} is there twice; remove one of the rows")
        await put_rows(connection, organisation, table, rows)
    return wanted


def _check(organisation: str, wishes: Wishes) -> None:
    if not re.fullmatch(ID, organisation):
        raise InputError(
            f"{organisation!r} cannot be an organisation's id; use small letters, digits and _, a letter first, "
            "at most 63 of them"
        )
    unknown = sorted(set(wishes.targets or ()) - {"crm", "routing"})
    if unknown:
        raise InputError(f"there is no target {', '.join(unknown)}; there are crm and routing")
    Weights(**(wishes.weights or {}))
    try:
        office_calendar(wishes.timezone or "UTC", wishes.holidays or "US")
    except CalendarError as error:
        raise InputError(str(error)) from error


async def load_sample(connection: AsyncConnection[DictRow]) -> Organisation:
    """Store the sample: made-up accounts and reps in two regions, known to the CRM and, as reps who take no leads, to lead
    routing. The assumptions are those of `solving.sample`.
    """
    made = sample_organisation(SAMPLE_REPS, SAMPLE_ACCOUNTS, 1)
    middle = sorted(one.longitude for one in made.reps)[len(made.reps) // 2]

    def region(longitude: float) -> str:
        return "north_west" if longitude < middle else "north_east"

    accounts: list[Row] = [
        {name: row[name] for name in row if name in COLUMNS["accounts"]}
        | {"account": f"north-{row['account']}", "owner": f"north-{row['owner']}" if row["owner"] else ""}
        | {"region": region(row["longitude"]), "key_account": row["potential"] > 150_000}
        for row in account_frame(made).to_dict("records")
    ]
    reps: list[Row] = [
        {name: row[name] for name in row if name in COLUMNS["reps"] and name != "maximum_load"}
        | {
            "rep": f"north-{row['rep']}",
            "email": f"{row['rep'].lower()}@north.example",
            "region": region(row["longitude"]),
        }
        for row in rep_frame(made).to_dict("records")
    ]
    rules: list[Row] = [
        {str(name): f"north-{cell}" if name in {"account", "rep"} and cell else cell for name, cell in row.items()}
        for row in rule_frame(made).to_dict("records")
    ]
    regions = [Region("north_west", "", "west@north.example"), Region("north_east", "", "east@north.example")]
    wishes = Wishes(name="North (sample)", currency="EUR", seconds=10.0, people=SAMPLE_PEOPLE)
    wanted = await load(
        connection, SAMPLE, wishes, tables={"accounts": accounts, "reps": reps, "rules": rules}, regions=regions
    )
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO crm.accounts (id, name, owner_id) VALUES (%s, %s, %s)"
            " ON CONFLICT (id) DO UPDATE SET owner_id = excluded.owner_id",
            [(row["account"], f"Account {row['account']}", row["owner"] or None) for row in accounts],
        )
        await cursor.executemany(
            "INSERT INTO routing.reps (id, name, email, login, territories, timezone, holidays, working_hours, languages,"
            " skills, weight, daily_capacity, open_capacity, active)"
            " VALUES (%s, %s, %s, %s, %s, 'UTC', 'US', %s, '{}', '{}', 1, 0, 0, false)"
            " ON CONFLICT (id) DO UPDATE SET territories = excluded.territories",
            [(row["rep"], row["name"], row["email"], row["rep"], [row["region"]], Jsonb({})) for row in reps],
        )
    return wanted
