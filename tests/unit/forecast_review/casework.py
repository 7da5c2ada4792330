"""A review of an organisation of four shops, played by the runtime on a real database."""

from __future__ import annotations

from typing import Any

import numpy as np
from psycopg.types.json import Jsonb

from tests.casework import Case
from tests.unit.forecast_review.forecasting.helpers import history
from workers.forecast_review.forecasting import months

QUICK = ["seasonal_naive", "theta"]


class Review(Case):
    context = "forecast_review"

    async def organisation(self, organisation: str = "shops", **values: Any) -> None:
        row = {"name": "Shops", "levels": ["region", "shop"], "unit": "pieces", "horizon": 6} | values
        names = ", ".join(("id", *row))
        marks = ", ".join(["%s"] * (len(row) + 1))
        given = [Jsonb(value) if isinstance(value, dict) else value for value in row.values()]
        await self.sql(f"INSERT INTO forecasting.organisations ({names}) VALUES ({marks})", organisation, *given)

    async def sell(self, length: int = 60, *, organisation: str = "shops", table: str = "forecasting.sales") -> None:
        """Sales of four shops over so many months; what was sold before is replaced."""
        value, more = ("value", ", source") if table == "forecasting.sales" else ("amount", "")
        rows = [
            (organisation, one.name, months.first_day(one.start + i).date(), float(number), *(["test"] if more else []))
            for one in history(length).series.values()
            for i, number in enumerate(one.values)
            if np.isfinite(number)
        ]
        marks = ", ".join(["%s"] * len(rows[0]))
        async with self.resources.pool.connection() as connection, connection.cursor() as cursor:
            await cursor.execute(f"DELETE FROM {table}".encode())
            await cursor.executemany(
                f"INSERT INTO {table} (organisation, segment, month, {value}{more}) VALUES ({marks})".encode(), rows
            )

    async def open(self, forecast_id: str, organisation: str = "shops", **variables: Any) -> dict[str, Any]:
        return await self.run("open_review", forecast_id=forecast_id, organisation=organisation, **variables)

    async def collect(self, forecast_id: str, collection: int = 1) -> dict[str, Any]:
        found = await self.run("collect_history", forecast_id=forecast_id, organisation="shops", collection=collection)
        history: dict[str, Any] = found["history"]
        return history

    async def fit(self, forecast_id: str, history: dict[str, Any], collection: int = 1, **more: Any) -> dict[str, Any]:
        given: dict[str, Any] = {"horizon": 6, "models": QUICK, "origins": 2} | more
        found = await self.run("fit_forecast", forecast_id=forecast_id, history=history, collection=collection, **given)
        forecast: dict[str, Any] = found["forecast"]
        return forecast
