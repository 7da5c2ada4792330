"""Only the planner carries the solver's libraries: all tasks can be imported where they are not, and so can the wiring."""

from __future__ import annotations

import subprocess
import sys

from workers.runtime import discovery

HEAVY = ("numba", "numpy", "pandas", "scipy", "pyarrow", "matplotlib")
TASKS = [name.split(".")[1] for name in discovery.all_job_types() if name.startswith("territory_alignment.")]


def test_no_task_imports_them_before_it_runs() -> None:
    names = ", ".join(f"workers.territory_alignment.tasks.{name}" for name in TASKS)
    code = f"""
import sys
class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY!r}:
            raise ImportError(name + " belongs to the planner alone")
sys.meta_path.insert(0, Refused())
import {names}, workers.territory_alignment.wiring, workers.gateway.app
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
