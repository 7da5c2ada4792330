"""Only the forecaster carries the forecasting libraries: the other tasks run where they cannot even be imported."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.forecast_review.casework import Review
from workers.engine.programs import FORECASTER_TASKS
from workers.runtime import discovery

HEAVY = (
    "numpy",
    "pandas",
    "scipy",
    "statsforecast",
    "prophet",
    "hierarchicalforecast",
    "statsmodels",
    "matplotlib",
    "keras",
)
LIGHT = [
    name for name in discovery.all_job_types() if name.startswith("forecast_review.") and name not in FORECASTER_TASKS
]

_WITHOUT = f"""
import sys
class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY!r}:
            raise ImportError(name + " belongs to the forecaster alone")
sys.meta_path.insert(0, Refused())
"""
_RUN = (
    _WITHOUT
    + """
import asyncio, json
from tests.casework import Case
from workers.forecast_review import wiring
from workers.runtime.database import open_pool
from workers.runtime.resources import Resources
from workers.settings import Settings

class Review(Case):
    context = "forecast_review"

async def main():
    dsn, calls = json.loads(sys.stdin.read())
    pool = await open_pool(dsn)
    resources = Resources(Settings(), pool)
    for name, given in calls:
        await Review(resources).run(name, **given)
    await wiring.close(resources)
    await pool.close()

asyncio.run(main())
"""
)


@pytest.mark.parametrize("task", [*LIGHT, *FORECASTER_TASKS])
def test_no_task_imports_them_before_it_runs(task: str) -> None:
    context, name = task.split(".")
    code = f"{_WITHOUT}\nimport workers.{context}.tasks.{name}, workers.{context}.wiring"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def test_light_tasks_run_without_them(case: Review) -> None:
    await case.organisation()
    await case.organisation("others")
    await case.sell(36)
    await case.open("shops-1")
    run = await case.fit("shops-1", await case.collect("shops-1"), origins=1)
    await case.run("explain_forecast", forecast_id="shops-1", collection=1, forecast=run)
    need = {"segment": "total", "review": True, "priority": 1, "reviewer_group": "sales-ops", "why": ""}
    calls = [
        ("open_review", {"forecast_id": "others-1", "organisation": "others"}),
        ("read_segments", {"forecast_id": "shops-1", "forecast": run, "page": 1}),
        ("note_needs", {"forecast_id": "shops-1", "forecast": run, "page_key": "1/1", "needs": [need]}),
    ]
    done = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _RUN), stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=Path.cwd()
    )
    _, said = await done.communicate(json.dumps([str(case.resources.pool.conninfo), calls]).encode())
    assert done.returncode == 0, said.decode()
    (row,) = await case.sql("SELECT review FROM forecasting.segment_facts WHERE segment = 'total'")
    assert row["review"]
