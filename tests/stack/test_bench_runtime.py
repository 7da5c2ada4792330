"""`fairlead bench runtime` from the command line, in small, on a stack of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.stack.conftest import SHORT_LIVED

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_it_runs_and_reports(tmp_path: Path) -> None:
    out, before = tmp_path / "report.json", {process.pid for process in serving()}
    done = subprocess.run(
        [sys.executable, "-m", "workers", "bench", "runtime", "--quick", "--out", str(out)],
        env={name: value for name, value in os.environ.items() if not name.startswith("FAIRLEAD_")} | SHORT_LIVED,
        capture_output=True,
        text=True,
        check=False,
        timeout=1700,
    )
    assert done.returncode in {0, 1}, done.stdout + done.stderr  # 1: a target was missed, as it may be in small
    report = json.loads(out.read_text())
    assert done.returncode == int(report["missed"])
    assert all(value > 0 for value in report["throughput"].values())
    assert [one["burst"]["instances"] for one in report["rounds"]] == [100] * 4
    assert report["reference"][0]["throughput"] > 0
    assert report["sustained"]["completed"] == report["sustained"]["figures"]["sent"] == 300
    assert report["worker_killed"]
    assert report["broker_killed"]
    assert not {process.pid for process in serving()} - before


def serving() -> list[psutil.Process]:
    """Processes that serve the benchmark's task, or started its stack."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any("workers.bench.runtime" in word or "fairlead-bench-" in word for word in process.info["cmdline"] or ())
    ]
