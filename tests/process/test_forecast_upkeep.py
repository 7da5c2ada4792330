"""Every path of `forecast_upkeep` on the real engine: what was published is judged, and asks for its own review."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.process.building import Building, open_building
from tests.process.planning import redrawn
from tests.unit.forecast_review.publishing.casework import ORGANISATION, Clock, Publishing, fitted_shops
from workers.engine.driven import DrivenEngine
from workers.forecast_review.adapters.sales import organisation as organisation_of
from workers.forecast_review.forecasting.forecast import Forecast
from workers.gateway.forecast_commands import take_sales

LONG = timedelta(seconds=300)
"""Judging loads the forecasting libraries; more on a busy machine."""

NIGHT = "0 0 4 * * *"
"""When the diagram says that a round begins."""


class Rounds(Building):
    """Rounds of upkeep over organisations."""

    context = "forecast_review"
    process = "forecast_upkeep"
    business_key = "occurrence"
    publishing: Publishing

    async def sell(self, factor: float) -> None:
        """Sales of the forecast's first month come in over HTTP: what was published, times a factor."""
        rows = await self.rows(
            "SELECT segment, final FROM forecasting.published_segments JOIN forecasting.publications USING (version)"
            " WHERE bottom AND organisation = %s",
            ORGANISATION,
        )
        sales = [(row["segment"], date(2018, 1, 1), row["final"][0] * factor) for row in rows]
        async with self.pool.connection() as connection:
            known = await organisation_of(connection, ORGANISATION)
            assert known is not None
            await take_sales(connection, known, sales, actor="test", now=self.now())

    async def scheduled(self, organisation: str, schedule: str) -> None:
        """Another organisation, whose sales came, with a schedule."""
        await self.publishing.sql(
            "INSERT INTO forecasting.organisations (id, name, levels, schedule) VALUES (%s, 'Other', '{shop}', %s)",
            *(organisation, schedule),
        )
        await self.publishing.sql(
            "INSERT INTO forecasting.sales (organisation, segment, month, value, source)"
            " VALUES (%s, 'a', '2018-01-01', 1, 'test')",
            organisation,
        )

    async def rounds(self, count: int) -> list[int]:
        """Keys of the rounds, once there are so many."""
        await self.until(lambda: len(self.engine.process_instances(self.process)) >= count, f"{count} rounds")
        return [one.key for one in self.engine.process_instances(self.process)]

    async def asked(self) -> list[tuple[str, str]]:
        """Organisation and reason of each review that was opened, the oldest first."""
        rows = await self.rows("SELECT organisation, reason FROM forecasting.reviews WHERE asked_by = 'upkeep'"
                               " ORDER BY opened_at")  # fmt: skip
        return [(row["organisation"], row["reason"]) for row in rows]


@pytest.fixture(scope="session")
def shops_fitted() -> Forecast:
    return fitted_shops()


@pytest.fixture
async def rounds(
    engine: DrivenEngine, planning_dsn: str, shops_fitted: Forecast, tmp_path: Path
) -> AsyncIterator[Rounds]:
    """An organisation whose forecast was published; upkeep and the start of reviews are served."""
    folder = redrawn(tmp_path / "models")
    diagram = folder / "bpmn" / "forecast_upkeep.bpmn"
    # Twelve hours from now: a night that fell into the test would be one round more.
    night = f"0 0 {(datetime.now(UTC).hour + 12) % 24} * * *"
    assert diagram.read_text().count(NIGHT) == 1
    diagram.write_text(diagram.read_text().replace(NIGHT, night))
    async with open_building(Rounds, engine, planning_dsn, folder) as opened:
        opened.publishing = Publishing(opened.resources, Clock(opened.now()), shops_fitted)
        await opened.publishing.found()
        await opened.publishing.publish("first")
        await opened.serve("find_upkeep", "judge_forecast", "ask_forecast", "open_review")
        yield opened


async def test_each_night_forecasts_are_judged_and_the_schedule_starts_a_review(rounds: Rounds) -> None:
    await rounds.scheduled("other", "* * * * *")
    await rounds.sell(1.0)
    await rounds.travel_to(rounds.now() + timedelta(days=1))
    instances = await rounds.rounds(2)
    (night,) = [key for key in instances if rounds.engine.variables(key).get("organisation") is None]
    await rounds.instance_passed(night, "nothing_to_do", within=LONG)
    await rounds.instance_passed(night, "review_asked", within=LONG)
    await rounds.instance_passed(night, "upkeep_done", within=LONG)
    (judged,) = await rounds.rows("SELECT facts FROM runtime.timeline WHERE action = 'judged' AND business_id ="
                                  " 'forecast_upkeep:shops' AND process_instance_key = %s", night)  # fmt: skip
    assert (judged["facts"]["version"], judged["facts"]["wape"]) == ("first.1", 0)

    async def opened() -> bool:
        return await rounds.asked() == [("other", "schedule")]

    await rounds.until_async(opened, "the review to be opened")


async def test_sales_that_went_another_way_start_a_review_by_themselves(rounds: Rounds) -> None:
    await rounds.sell(1.1)
    await rounds.sell(1.5)  # what comes soon after is looked at together
    (instance,) = await rounds.rounds(1)
    await rounds.travel_to(rounds.now() + timedelta(minutes=15))
    await rounds.instance_passed(instance, "review_asked", within=LONG)
    await rounds.instance_passed(instance, "upkeep_done", within=LONG)

    async def opened() -> bool:
        return await rounds.asked() == [("shops", "large_change")]

    await rounds.until_async(opened, "the review to be opened")
    assert await rounds.actions("forecast_upkeep:shops") == ["judged", "review_asked"]
    (row,) = await rounds.rows("SELECT facts FROM runtime.timeline WHERE action = 'judged'")
    assert round(row["facts"]["change_percent"]) == 50
    await rounds.travel_to(rounds.now() + timedelta(days=1))
    night = next(key for key in await rounds.rounds(2) if key != instance)
    await rounds.instance_passed(night, "nothing_to_do", within=LONG)
    assert await rounds.asked() == [("shops", "large_change")], "a review that is open is not asked for again"


async def test_one_organisation_that_cannot_be_judged_keeps_no_other_waiting(rounds: Rounds) -> None:
    await rounds.scheduled("broken", "monthly")
    await rounds.scheduled("other", "* * * * *")
    await rounds.travel_to(rounds.now() + timedelta(days=1))
    (night,) = await rounds.rounds(1)
    await rounds.instance_passed(night, "review_asked", within=LONG)
    await rounds.instance_passed(night, "nothing_to_do", within=LONG)

    def incident() -> list[dict[str, Any]]:
        return [one for one in rounds.engine.incidents() if "no cron expression" in one["value"]["errorMessage"]]

    await rounds.until(incident, "the incident", night)
