from __future__ import annotations

import asyncio
import os
import signal
import sys

import psutil
import pytest

from tests.unit.forecast_review.casework import Review
from tests.unit.forecast_review.forecasting.helpers import history
from workers.forecast_review.adapters import runs
from workers.forecast_review.forecasting import store
from workers.forecast_review.forecasting.order import Order
from workers.forecast_review.forecasting.packing import pack
from workers.forecast_review.ports.runs import ForecastImpossible
from workers.runtime.errors import TransientError


async def test_the_version_and_the_champions_are_kept(open_case: Review) -> None:
    collected = await open_case.collect("shops-1")
    run = await open_case.fit("shops-1", collected)
    assert (run["series"], run["nodes"], run["history_end"]) == (4, 7, "2012-12")
    assert sum(one["count"] for one in run["champions"]) == 7
    assert (run["kept"], run["replaced"]) == (0, 0)
    assert run["mase"] > 0
    async with open_case.resources.pool.connection() as connection:
        forecast = await store.load(connection, run["version"])
    assert forecast.card["plan"]["horizon"] == 6
    rows = await open_case.sql("SELECT segment, champion FROM forecasting.champions WHERE forecast_id = 'shops-1'")
    assert {r["segment"]: r["champion"] for r in rows} == dict(
        zip(forecast.choices["segment"], forecast.choices["champion"], strict=True)
    )
    review = await open_case.one("SELECT version, raw_digest FROM forecasting.reviews")
    assert review == {"version": run["version"], "raw_digest": collected["raw_digest"]}


async def test_how_far_it_is_is_seen_while_it_runs_and_no_longer(open_case: Review) -> None:
    collected = await open_case.collect("shops-1")
    fitting = asyncio.create_task(open_case.fit("shops-1", collected))
    async with asyncio.timeout(240):
        while not (seen := await open_case.sql("SELECT done, total, doing FROM forecasting.progress")):  # noqa: ASYNC110 - another connection writes it
            await asyncio.sleep(0.05)
    assert 0 < seen[0]["done"] <= seen[0]["total"]
    assert seen[0]["doing"] in {"checking and repairing", "fitting the models", "choosing and adding up"}
    assert runs.FITTING._value.get() == 1
    await fitting
    assert await open_case.sql("SELECT FROM forecasting.progress") == []
    assert runs.FITTING._value.get() == 0


async def test_it_is_repaired_or_left_as_it_is(open_case: Review) -> None:
    await open_case.sql("UPDATE forecasting.sales SET value = 9000 WHERE segment = 'r0/s1' AND month = '2010-03-01'")
    collected = await open_case.collect("shops-1")
    repaired = await open_case.fit("shops-1", collected, collection=1)
    as_is = await open_case.fit("shops-1", collected, collection=2, repair=False)
    assert repaired["version"] != as_is["version"]
    async with open_case.resources.pool.connection() as connection:
        seen = [
            (await store.load(connection, version)).history.query("segment == 'r0/s1'")["value"].max()
            for version in (repaired["version"], as_is["version"])
        ]
    assert seen[0] < 1000
    assert seen[1] == 9000


async def test_nothing_left_to_forecast_is_a_case_for_a_person(open_case: Review) -> None:
    collected = await open_case.collect("shops-1")
    with pytest.raises(ForecastImpossible) as refused:
        await open_case.fit("shops-1", collected, horizon=99)
    assert "the horizon is 99 months" in str(refused.value.variables["history_why"])


async def child() -> psutil.Process:
    async with asyncio.timeout(240):
        while True:
            for one in psutil.Process().children():
                if one.is_running() and runs.CHILD in one.cmdline():
                    return one
            await asyncio.sleep(0.01)


async def test_it_gives_way_to_others_and_ends_with_its_job(open_case: Review) -> None:
    collected = await open_case.collect("shops-1")
    fitting = asyncio.create_task(open_case.fit("shops-1", collected))
    running = await child()
    async with asyncio.timeout(240):
        while running.nice() < os.nice(0) + 10 and running.nice() < 19:  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.01)
    fitting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fitting
    assert not running.is_running()


async def test_a_child_that_dies_is_started_again_by_the_next_try(open_case: Review) -> None:
    collected = await open_case.collect("shops-1")
    fitting = asyncio.create_task(open_case.fit("shops-1", collected))
    os.kill((await child()).pid, signal.SIGKILL)
    with pytest.raises(TransientError, match="started again"):
        await fitting
    assert (await open_case.fit("shops-1", collected))["nodes"] == 7


async def test_a_child_ends_when_who_asked_is_gone() -> None:
    packed = pack(history(120))
    order = Order(horizon=6, clean=True, models=[], origins=5, incumbents={}, problems=[])
    code = f"""
import subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-m", {runs.CHILD!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
)
child.stdin.write({order.to_line(len(packed)) + packed!r})
child.stdin.flush()
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.read()
"""
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    orphan = psutil.Process(int(await parent.stdout.readline()))
    parent.kill()
    await parent.wait()
    await asyncio.to_thread(orphan.wait, 60)
