"""Plays the publication of one review after the other on a real database: tasks run by the runtime, rows delivered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from tests.casework import Case
from tests.unit.forecast_review.forecasting.helpers import history
from workers.forecast_review import wiring
from workers.forecast_review.adapters.targets import ForecastDelivery
from workers.forecast_review.forecasting import store
from workers.forecast_review.forecasting.forecast import Forecast
from workers.forecast_review.forecasting.plan import Plan
from workers.forecast_review.forecasting.running import run_forecast
from workers.forecast_review.ports.publication import CHANNELS
from workers.runtime.outbox import OutboxRow

ORGANISATION = "shops"
ALWAYS_FREE = {"level": "none", "group": "", "why": "small"}
A_MANAGER_S = {"level": "manager", "group": "sales-managers", "why": "large"}
START = datetime(2026, 1, 5, 8, tzinfo=UTC)


def fitted_shops() -> Forecast:
    """Two regions of two shops each, from 2018-01 on; quick models."""
    return run_forecast(history(), Plan(horizon=6, models=("theta",), origins=2, earlier=1, processes=1))


@dataclass
class Clock:
    """The present moment, moved by hand."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass(frozen=True)
class Publishing(Case):
    """Plays the publication of one review after the other."""

    context = "forecast_review"
    clock: Clock
    forecast: Forecast

    async def found(self) -> None:
        """The organisation and its fitted forecast."""
        await self.sql(
            "INSERT INTO forecasting.organisations (id, name, levels, unit, currency, people)"
            " VALUES (%s, 'Shops', '{region,shop}', 'EUR', 'EUR', %s)",
            *(
                ORGANISATION,
                Jsonb({"sales-ops": ["ops@example.com"], "finance": ["fin@example.com", "ops@example.com"]}),
            ),
        )
        async with self.resources.pool.connection() as connection:
            await store.save(connection, self.forecast)

    async def open(self, forecast_id: str) -> None:
        await self.sql(
            "INSERT INTO forecasting.reviews (forecast_id, organisation, reason, asked_by, version, opened_at)"
            " VALUES (%s, %s, 'by_hand', 'ana', %s, %s)",
            *(forecast_id, ORGANISATION, self.forecast.version, self.clock()),
        )

    async def override(
        self, forecast_id: str, segment: str, values: dict[str, float], *, round_: int = 0, state: str = "approved"
    ) -> None:
        await self.sql(
            'INSERT INTO forecasting.overrides (forecast_id, review_key, segment, "values", percent, amount, reason,'
            " by_whom, decided_at, state, approved_by) VALUES (%s, %s, %s, %s, 0, 0, 'promotion', 'ana', %s, %s, 'mona')",
            *(forecast_id, f"{segment}/{round_}", segment, Jsonb(values)),
            *(self.clock() + timedelta(minutes=round_), state),
        )

    async def compose(self, forecast_id: str, release: int = 1) -> dict[str, Any]:
        result = await self.run(
            "compose_forecast",
            forecast_id=forecast_id,
            organisation=ORGANISATION,
            release=release,
            forecast={"version": self.forecast.version},
        )
        facts: dict[str, Any] = result["release_facts"]
        return facts

    async def send(self, forecast_id: str, facts: dict[str, Any], target: str, release: int = 1) -> None:
        await self.run(
            "publish_forecast",
            element_id=f"publish_forecast__{target}",
            forecast_id=forecast_id,
            organisation=ORGANISATION,
            release=release,
            release_key=f"{release}/{target}",
            release_facts=facts,
            target=target,
        )

    async def take_back(self, forecast_id: str, target: str, release: int = 1) -> bool:
        result = await self.run(
            "restore_forecast",
            element_id=f"restore_forecast__{target}",
            forecast_id=forecast_id,
            release_key=f"{release}/{target}",
        )
        restored: bool = result["forecast_restored"]
        return restored

    async def confirm(self, forecast_id: str, release: int = 1) -> dict[str, Any]:
        result = await self.run("confirm_publication", forecast_id=forecast_id, release=release, give_up_minutes=60)
        publication: dict[str, Any] = result["publication"]
        return publication

    async def publish(self, forecast_id: str, *targets: str) -> str:
        """A whole review, delivered; its version."""
        await self.open(forecast_id)
        facts = await self.compose(forecast_id)
        for target in targets or ("crm", "erp"):
            await self.send(forecast_id, facts, target)
        await self.deliver()
        await self.sql("UPDATE forecasting.reviews SET state = 'published' WHERE forecast_id = %s", forecast_id)
        version: str = facts["published_version"]
        return version

    async def in_use(self, target: str) -> str | None:
        rows = await self.sql(f"SELECT version FROM {target}.forecasts_in_use WHERE organisation = %s", ORGANISATION)
        return rows[0]["version"] if rows else None

    async def segments(self, version: str) -> dict[str, DictRow]:
        rows = await self.sql("SELECT * FROM forecasting.published_segments WHERE version = %s", version)
        return {row["segment"]: row for row in rows}

    async def hand_over(self, target: str, change_id: str, version: str, *, undo: bool = False) -> None:
        """Deliver one row, past the dispatcher."""
        delivery = wiring.deliveries(self.resources)[CHANNELS[target]]  # type: ignore[index]  # "crm" or "erp"
        assert isinstance(delivery, ForecastDelivery)
        payload = {"change_id": change_id, "version": version} | ({"undo": True} if undo else {})
        await delivery(OutboxRow(1, f"{target}.forecast", "x", "x", payload, 0))
