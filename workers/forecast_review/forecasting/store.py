"""Where forecasts are kept: table `forecasting.runs`, one immutable row a version; processes pass the version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from psycopg import AsyncConnection
from psycopg.rows import class_row, scalar_row

from workers.archive_rows import ArchiveRows
from workers.forecast_review.forecasting.errors import NoForecastError
from workers.forecast_review.forecasting.forecast import Forecast

Row = TypeVar("Row")

_ROWS = ArchiveRows("forecasting", "runs")


@dataclass(frozen=True)
class RunInfo:
    """One stored version without its arrays."""

    version: str
    name: str
    period: str
    """The last month of its history, ``2018-12``."""
    made_at: datetime
    card: dict[str, object]


async def save(conn: AsyncConnection[Row], forecast: Forecast) -> None:
    """Keep a forecast; saving the same version again changes nothing. Part of the caller's transaction, as all here."""
    await _ROWS.save(conn, forecast, name=forecast.name, period=forecast.end)


async def load(conn: AsyncConnection[Row], version: str) -> Forecast:
    """One version.

    Raises:
        NoForecastError: if there is no such version.
    """
    content = await _ROWS.content(conn, version)
    if content is None:
        raise NoForecastError(f"there is no forecast {version!r}; `fairlead forecast list` shows those there are")
    return Forecast.from_bytes(content)


async def latest(conn: AsyncConnection[Row], name: str, *, before: str | None = None) -> str | None:
    """The newest version of a name; with `before` (a version) the one made before it. None if there is none."""
    async with conn.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(
            "SELECT version FROM forecasting.runs WHERE name = %(name)s AND (%(before)s::text IS NULL OR id <"
            " (SELECT id FROM forecasting.runs WHERE version = %(before)s)) ORDER BY id DESC LIMIT 1",
            {"name": name, "before": before},
        )
        found = await cursor.fetchone()
    return None if found is None else str(found)


async def list_runs(conn: AsyncConnection[Row]) -> list[RunInfo]:
    """All versions, the newest first."""
    async with conn.cursor(row_factory=class_row(RunInfo)) as cursor:
        await cursor.execute("SELECT version, name, period, made_at, card FROM forecasting.runs ORDER BY id DESC")
        return await cursor.fetchall()
