"""What was published is held against what came, step by step; and what is told of it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tests.unit.forecast_review.publishing.casework import ORGANISATION, Publishing
from workers.forecast_review.adapters.sales import organisations, put_sales
from workers.forecast_review.domain.upkeep import PublishedSegment, accuracy, words
from workers.runtime.errors import PermanentError

SHOP = "r0/s0"
MONTHS = ("2018-01", "2018-02", "2018-03")


async def sell(case: Publishing, factor: float = 1.0, *, months: int = 3, **of_shops: float) -> None:
    """Sales of all shops in the first months of the forecast: as published, times a factor."""
    rows = await case.sql("SELECT segment, base FROM forecasting.published_segments WHERE version = 'a.1' AND bottom")
    async with case.resources.pool.connection() as connection:
        (organisation,) = await organisations(connection)
        sales = [
            (row["segment"], date(2018, 1 + place, 1), row["base"][place] * of_shops.get(row["segment"], factor))
            for row in rows
            for place in range(months)
        ]
        await put_sales(connection, organisation, sales, source="test")


async def judge(case: Publishing, occurrence: str = "first") -> dict[str, Any]:
    result = await case.run(
        "judge_forecast", upkeep_id="forecast_upkeep:shops", organisation=ORGANISATION, occurrence=occurrence
    )
    health: dict[str, Any] = result["health"]
    return health


def one(**figures: Any) -> PublishedSegment:
    given: dict[str, Any] = {
        "segment": "a",
        "bottom": True,
        "naive": [10.0, 10.0],
        "model": [20.0, 20.0],
        "base": [20.0, 20.0],
        "final": [30.0, 20.0],
    }
    bounds: dict[str, Any] = {"lo80": [15.0, 15.0], "hi80": [25.0, 25.0]}
    return PublishedSegment(**given | bounds | figures)


def test_figures_against_known_values() -> None:
    parts = [one(), one(segment="b", lo80=[None, None], hi80=[None, None]), one(segment="total", bottom=False)]
    actuals = {("a", "2018-01"): 25.0, ("a", "2018-02"): 30.0, ("b", "2018-01"): 5.0, ("total", "2018-01"): 1e9}
    found = accuracy(["2018-01", "2018-02"], parts, actuals)
    assert found is not None
    assert found.months == 2
    # Errors of a: naive 15 + 20, model 5 + 10, final 5 + 10; of b: 5, 15, 25. Actuals add up to 60.
    assert found.wape == pytest.approx({"naive": 100 * 40 / 60, "model": 50, "base": 50, "final": 100 * 40 / 60})
    assert found.change_percent == pytest.approx(100 * (60 - 80) / 80)
    assert found.worse_share == 0.5
    assert found.cover80 == 50
    assert accuracy(["2018-01"], parts, {}) is None
    assert "people's overrides made it -16.67 points better" in words(found, error_ratio=None, new_months=2)


async def test_nothing_to_judge_is_said(case: Publishing) -> None:
    health = await judge(case)
    assert (health["version"], health["months"], health["wape"], health["news"]) == (None, 0, None, False)
    assert health["words"] == "- Nothing that was published can be judged yet"
    await case.publish("a")
    health = await judge(case, "second")
    assert (health["version"], health["months"]) == ("a.1", 0)


async def test_a_forecast_that_came_true(case: Publishing) -> None:
    await case.publish("a")
    case.clock.pass_(days=1)
    await sell(case)
    health = await judge(case)
    assert (health["months"], health["new_months"], health["wape"], health["error_ratio"]) == (3, 3, 0, 0)
    assert (health["people_added"], health["change_percent"], health["cover80"]) == (0, 0, 100)
    assert health["news"]
    assert await case.actions("forecast_upkeep:shops") == ["judged"]


async def test_every_segment_and_step_is_kept_with_its_person_and_model(case: Publishing) -> None:
    await case.open("a")
    base = {row["segment"]: row for row in case.forecast.points.query("step == 1").to_dict("records")}[SHOP]["value"]
    await case.override("a", SHOP, {"2018-01": 2 * base})
    facts = await case.compose("a")
    await case.send("a", facts, "crm")
    await case.deliver()
    await sell(case, **{SHOP: 1.0}, months=1)
    health = await judge(case)
    rows = {
        (row["segment"], row["step"]): row
        for row in await case.sql("SELECT * FROM forecasting.judged WHERE until = '2018-01'")
    }
    assert {step for _, step in rows} == {"naive", "model", "reconciled", "override", "final"}
    assert {segment for segment, _ in rows} == {"total", "r0", "r1", *(f"r{r}/s{s}" for r in (0, 1) for s in (0, 1))}
    override = rows[SHOP, "override"]
    assert override["wape"] == pytest.approx(100)
    assert override["bias"] == pytest.approx(100)
    assert override["value_added"] == pytest.approx(-100)
    assert override["person"] == "ana"
    assert rows[SHOP, "final"]["value_added"] == pytest.approx(0)
    assert rows["r0", "final"]["value_added"] < 0, "the override moved the sum too"
    assert rows["r1", "final"]["person"] is None
    assert rows[SHOP, "model"]["champion"] in {"theta", "seasonal_naive"}
    assert rows[SHOP, "reconciled"]["cover80"] == pytest.approx(100)
    assert health["people_added"] < 0
    assert health["people_added"] == pytest.approx(-100 * base / sum(
        row["value"] for row in case.forecast.points.query("step == 1").to_dict("records") if "/" in row["segment"]
    ), abs=1e-3)  # fmt: skip


async def test_sales_that_went_another_way(case: Publishing) -> None:
    await case.publish("a")
    await sell(case, 2.0, months=2)
    health = await judge(case)
    assert health["change_percent"] == pytest.approx(100)
    assert health["wape"] == pytest.approx(50)
    assert health["cover80"] == 0
    assert health["error_ratio"] > 3


async def test_the_newest_version_that_reached_a_target_is_judged(case: Publishing) -> None:
    await case.publish("a")
    await case.publish("b")
    await case.open("c")
    await case.compose("c")  # composed, but never sent
    await sell(case)
    assert (await judge(case))["version"] == "b.1"
    for target in ("crm", "erp"):
        await case.take_back("b", target)
    await case.deliver()
    assert (await judge(case, "later"))["version"] == "a.1"


async def test_the_same_occasion_judges_once_and_a_later_one_adds(case: Publishing) -> None:
    await case.publish("a")
    await sell(case, months=1)
    await judge(case)
    await sell(case, months=2)
    assert (await judge(case))["months"] == 1
    assert (await judge(case, "later"))["months"] == 2
    untils = await case.sql("SELECT DISTINCT until FROM forecasting.judged ORDER BY 1")
    assert [row["until"] for row in untils] == ["2018-01", "2018-02"]


async def test_a_schedule_is_due_once_it_has_come_since_the_last_review(case: Publishing) -> None:
    await case.publish("a")  # on Monday 5 January 2026, 8:00 UTC
    await sell(case)
    await case.sql("UPDATE forecasting.organisations SET schedule = '0 6 6 * *', timezone = 'Australia/Sydney'")
    assert not (await judge(case))["due"]
    case.clock.at = case.clock.at.replace(hour=18, minute=59)  # 5:59 on the 6th in Sydney
    assert not (await judge(case, "before"))["due"]
    case.clock.pass_(minutes=2)
    assert (await judge(case, "after"))["due"]
    await case.open("b")
    health = await judge(case, "open")
    assert (health["due"], health["under_way"]) == (False, True)


async def test_a_schedule_that_is_none_says_where_to_correct_it(case: Publishing) -> None:
    await case.sql("UPDATE forecasting.organisations SET schedule = 'monthly'")
    await case.publish("a")
    await sell(case)
    with pytest.raises(PermanentError, match=r"schedule of shops, 'monthly', is no cron expression.*organisations"):
        await judge(case)


async def test_sales_from_the_erp_are_judged_too(case: Publishing) -> None:
    await case.publish("a")
    await case.sql("UPDATE forecasting.organisations SET source = 'erp'")
    await sell(case, 1.5)
    assert await case.sql("SELECT 1 FROM forecasting.sales") == []
    assert (await judge(case))["change_percent"] == pytest.approx(50)


async def test_who_is_looked_after(case: Publishing) -> None:
    async def found(occurrence: str, organisation: str | None = None) -> list[str]:
        result = await case.run("find_upkeep", upkeep_id="forecasts", occurrence=occurrence, organisation=organisation)
        return [due["organisation"] for due in result["due_upkeep"]]

    assert await found("1") == []
    assert await found("2", ORGANISATION) == [ORGANISATION]
    await case.sql("UPDATE forecasting.organisations SET schedule = '0 6 5 * *'")
    assert await found("3") == [ORGANISATION]
    await case.sql("UPDATE forecasting.organisations SET schedule = ''")
    await case.publish("a")
    assert await found("4") == [ORGANISATION]
    with pytest.raises(PermanentError, match="no organisation 'elsewhere'"):
        await found("5", "elsewhere")


async def test_a_review_is_asked_for_once(case: Publishing) -> None:
    step = {"action": "review", "reason": "drift", "why": "Errors grew."}
    for _ in range(2):
        result = await case.run(
            "ask_forecast", upkeep_id="u", organisation=ORGANISATION, occurrence="first", next_step=step
        )
        case.clock.at += timedelta(seconds=5)
    assert result == {"asked_forecast_id": "shops-20260105T080000"}
    (row,) = await case.sql("SELECT payload FROM runtime.outbox")
    assert row["payload"]["name"] == "forecast_requested"
    assert row["payload"]["variables"] == {
        "forecast_id": "shops-20260105T080000",
        "organisation": ORGANISATION,
        "reason": "drift",
        "asked_by": "upkeep",
    }
