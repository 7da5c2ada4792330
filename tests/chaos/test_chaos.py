"""The full local stack under load, hurt in every way there is; afterwards everything adds up. And a bug is caught there.

`fairlead chaos --minutes 70 --faults 1000` is the same at length (docs/chaos.md).
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack.conftest import SHORT_LIVED
from workers.bench.own_stack import own_place
from workers.chaos import report
from workers.chaos.run import Outcome, Plan, run
from workers.chaos.schedule import Schedule, make

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2700)]

SEED = int(os.environ.get("FAIRLEAD_TEST_CHAOS_SEED", "1"))
MINUTES = 2.5
FAULTS = 55
LAUNCH = f"import sys;sys.path.insert(0,{str(Path(__file__).parent)!r});from planted import main;main()"


def test_nothing_is_lost_or_done_twice_whatever_happens(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "workers", "chaos", "--seed", str(SEED), "--minutes", str(MINUTES)),
            *("--faults", str(FAULTS), "--canary", "0.3", "--out", str(out)),
        ],
        env=os.environ | SHORT_LIVED,
        capture_output=True,
        text=True,
        check=False,
        timeout=2600,
    )
    print(done.stdout)  # noqa: T201 - what a run gave is worth seeing, pytest shows it with -s or on failure
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    found = json.loads(out.read_text())
    assert found["violations"] == []
    assert found["faults"]["done"] >= 0.8 * FAULTS, "the others found nothing to hurt: it was just being started again"
    assert found["counts"]["leads accepted"] >= 100
    assert found["counts"]["effects undone"] > 0
    assert found["counts"]["of them in the canary"] > 0
    assert found["states"].keys() >= {"accepted", "withdrawn"}


def test_a_planted_bug_is_caught_in_the_whole_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRLEAD_TEST_PLANT", "deduplication_off")
    for name, value in SHORT_LIVED.items():
        monkeypatch.setenv(name, value)
    plan = Plan(Schedule(1, 0.4, make(1, 0.4, 1).faults), rate_per_minute=60.0, serving=("-c", LAUNCH), patience=10.0)
    outcome = Outcome(plan)
    with own_place("fairlead-chaos-") as settings:
        asyncio.run(run(settings, plan, outcome, print))
    assert not outcome.clean
    assert outcome.verdict is not None
    said = "\n".join(report.lines(outcome))
    assert {violation.rule for violation in outcome.verdict.violations} >= {"record-untrue"}, said
