from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import psycopg
import pytest

from tests.unit.forecast_review.forecasting.helpers import START, history
from workers.forecast_review.forecasting import charts, store
from workers.forecast_review.forecasting.errors import NoForecastError
from workers.forecast_review.forecasting.facts import decompose, segment_facts
from workers.forecast_review.forecasting.forecast import Forecast
from workers.forecast_review.forecasting.history import History
from workers.forecast_review.forecasting.judging import judge
from workers.forecast_review.forecasting.plan import Plan
from workers.forecast_review.forecasting.running import run_forecast
from workers.runtime.database import Pool

PLAN = Plan(horizon=6, models=("theta",), origins=2, earlier=2, processes=1)


def shifted(made: History, name: str, *, since: int, by: float) -> History:
    numbers = made.series[name].values.copy()
    numbers[since:] *= by
    return replace(made, series={**made.series, name: replace(made.series[name], values=numbers)})


@pytest.fixture(scope="module")
def older() -> Forecast:
    return run_forecast(history().until(START + 116), PLAN)


@pytest.fixture(scope="module")
def newer() -> Forecast:
    return run_forecast(shifted(history(), "r0/s1", since=117, by=1.5), PLAN)


def test_a_change_is_told_by_its_parts() -> None:
    old = np.full(12, 100.0)
    season = np.tile([5.0, -5.0], 6)
    parts = decompose(old, old + 10 + np.linspace(0, 20, 12) + season)
    assert parts["change"] == pytest.approx(0.20, abs=0.005)
    assert parts["level_change"] == pytest.approx(0.10, abs=0.02)
    assert parts["trend_change"] == pytest.approx(0.20, abs=0.03)
    assert parts["season_change"] == pytest.approx(0.05, abs=0.01)


def test_what_changed_and_why(older: Forecast, newer: Forecast) -> None:
    facts = {one.segment: one for one in segment_facts(newer, older)}
    jumped, calm = facts["r0/s1"], facts["r1/s0"]
    assert jumped.surprise == pytest.approx(0.5, abs=0.2)
    assert jumped.off
    assert any("3 new month(s) came" in reason and "above" in reason for reason in jumped.why)
    assert jumped.change is not None
    assert calm.change is not None
    assert jumped.change > 0.15 > abs(calm.change)
    assert not calm.off
    assert facts["total"].share == 1
    assert sum(facts[name].share for name in ("r0", "r1")) == pytest.approx(1)
    assert {one.revised for one in facts.values()} == {0}


def test_without_a_previous_version_there_is_no_change(newer: Forecast) -> None:
    (total, *_) = segment_facts(newer)
    assert (total.change, total.previous_champion, total.off) == (None, None, False)
    assert total.growth is not None
    assert total.uncertainty is not None


def test_revised_history_is_counted(older: Forecast) -> None:
    revised = run_forecast(shifted(history(), "r1/s1", since=115, by=1.1), PLAN)
    facts = {one.segment: one for one in segment_facts(revised, older)}
    assert facts["r1/s1"].revised == 2
    assert any("2 month(s) of history were revised" in reason for reason in facts["r1/s1"].why)


def test_each_step_is_judged_by_what_came(older: Forecast) -> None:
    points = older.points[older.points["segment"] == "r0/s0"]
    months = [f"{day:%Y-%m}" for day in points["month"]]
    came = {("r0/s0", month): value * 1.1 for month, value in zip(months, points["value"], strict=True)}
    changed = {"override": {("r0/s0", months[0]): float(points["value"].iloc[0]) * 1.1}}
    judged = {one.step: one for one in judge(older, came, changed)}
    assert list(judged) == ["naive", "model", "reconciled", "override"]
    assert judged["reconciled"].wape == pytest.approx(100 * 0.1 / 1.1)
    assert judged["reconciled"].bias == pytest.approx(-100 * 0.1 / 1.1)
    override = judged["override"]
    assert override.wape is not None
    assert override.wape < 100 * 0.1 / 1.1
    assert override.value_added == pytest.approx(100 * 0.1 / 1.1 - override.wape)
    assert judged["naive"].value_added is None
    assert judged["reconciled"].cover80 is not None
    assert judge(older, {("r0/s0", "1999-01"): 1.0}) == []


def test_pictures(newer: Forecast) -> None:
    assert charts.png(newer, "total").startswith(b"\x89PNG")
    page = charts.html(newer, ["total", "r0"])
    assert page.count("data:image/png") == 2
    with pytest.raises(NoForecastError, match="no segment 'nowhere'"):
        charts.png(newer, "nowhere")


async def test_versions_are_kept_once_and_never_changed(pool: Pool, older: Forecast, newer: Forecast) -> None:
    async with pool.connection() as conn:
        for forecast in (older, newer, older):
            await store.save(conn, forecast)
        back = await store.load(conn, older.version)
        pd.testing.assert_frame_equal(back.points, older.points)
        assert await store.latest(conn, "shops") == newer.version
        assert await store.latest(conn, "shops", before=newer.version) == older.version
        assert await store.latest(conn, "shops", before=older.version) is None
        assert await store.latest(conn, "others") is None
        assert [run.version for run in await store.list_runs(conn)] == [newer.version, older.version]
        with pytest.raises(NoForecastError, match="'none'"):
            await store.load(conn, "none")
    async with pool.connection() as conn:
        with pytest.raises(psycopg.errors.RaiseException, match="not changed"):
            await conn.execute("UPDATE forecasting.runs SET name = 'x'")
        await conn.rollback()
