"""What `fairlead bench runtime` concludes from what it measured, and how it reads the counters."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from workers.bench.cpu import Usage
from workers.bench.figures import Figures, Spread
from workers.bench.machine import machine
from workers.bench.runtime.figures import (
    DBOS,
    OURS,
    POLLING,
    READING,
    STREAMING,
    BrokerReturn,
    Burst,
    Plan,
    Reference,
    Report,
    Round,
    Sustained,
    WorkerStart,
    missed,
    targets,
)
from workers.bench.runtime.one_task.stamps import Handled, Stamps
from workers.bench.runtime.showing import as_json, show
from workers.bench.runtime.sides import ROOT, completed_in, sides
from workers.bench.runtime.starting import completed_processes
from workers.runtime import discovery
from workers.settings import Settings


def one(side: str, throughput: float, p50: float = 0.004, p99: float = 0.03, resident: float = 70.0) -> Round:
    burst = Burst(600, 600 / throughput, Usage(600 / throughput, {side: 1.2, "camunda": 9.0}, 0.0), resident)
    return Round(side, burst, Spread(600, p50, (p50 + p99) / 2, p99, p99 * 2), 0.001)


def sustained(*, held: bool = True, seconds: float = 600, completed: int = 30_000) -> Sustained:
    return Sustained(Figures(50, seconds, 30_000, 30_000, 30_000, 30_000, 50, None, None, 1, 0, held), 5_000, completed)


def good() -> Report:
    return Report(
        Plan(),
        rounds=[one(OURS, 90), one(STREAMING, 100), one(POLLING, 25), one(READING, 95)],
        reference=[Reference(200, Spread(600, 0.005, 0.01, 0.012, 0.02))],
        sustained=sustained(),
        starts=[WorkerStart(0.8, 68)],
        worker_killed=[1.1],
        broker_killed=[BrokerReturn(18, 1, 2)],
    )


def verdicts(report: Report) -> list[bool | None]:
    return [target.met for target in targets(report)]


def test_all_is_met() -> None:
    assert verdicts(good()) == [True] * 8
    assert not missed(good())


@pytest.mark.parametrize(
    ("number", "worse"),
    [
        (0, {"rounds": [one(OURS, 79), one(STREAMING, 100)]}),
        (1, {"rounds": [one(OURS, 90, p50=0.011), one(STREAMING, 100)]}),
        (2, {"rounds": [one(OURS, 90, p99=0.051), one(STREAMING, 100)]}),
        (3, {"sustained": sustained(held=False)}),
        (3, {"sustained": sustained(completed=29_999)}),
        (4, {"starts": [WorkerStart(1.01, 68)]}),
        (5, {"rounds": [one(OURS, 90, resident=85.9), one(STREAMING, 100)]}),  # MiB; the target is in MB
        (6, {"worker_killed": [2.1]}),
        (7, {"broker_killed": [BrokerReturn(18, 1, 5)]}),
    ],
)
def test_each_target_can_be_missed(number: int, worse: dict[str, object]) -> None:
    report = replace(good(), **worse)  # type: ignore[arg-type]  # each value belongs to its field
    assert [at for at, met in enumerate(verdicts(report)) if met is False] == [number]
    assert missed(report)


def test_what_was_not_measured_is_neither() -> None:
    assert verdicts(Report(Plan())) == [None] * 8
    assert not missed(Report(Plan()))
    short = replace(good(), sustained=sustained(seconds=60))
    assert targets(short)[3].met is None


def test_medians_of_the_rounds_count() -> None:
    report = replace(good(), rounds=[one(OURS, speed, p50) for speed, p50 in ((90, 0.004), (10, 0.9), (95, 0.005))])
    assert report.throughput(OURS) == pytest.approx(90)
    assert report.latency(OURS, lambda spread: spread.p50) == pytest.approx(0.005)
    assert report.cpu(OURS) == pytest.approx(0.002)
    assert report.throughput(STREAMING) is None


def test_it_is_shown_with_targets_and_machine() -> None:
    shown = io.StringIO()
    here = machine()
    report = replace(good(), worker_killed=[1.0, 1.5, 3.0])
    show(report, here, Console(file=shown, width=160))
    text = shown.getvalue()
    for expected in (OURS, STREAMING, POLLING, READING, DBOS, "0.90", "met", "worst 3.00", "memory_gib"):
        assert expected in text
    assert "not met" not in text
    written = json.loads(json.dumps(as_json(report, here, {"camunda": "8.6.0"})))
    assert written["throughput"][OURS] == pytest.approx(90)
    assert len(written["targets"]) == 8
    assert written["missed"] is False


def test_counters_are_read() -> None:
    camunda = """# HELP zeebe_element_instance_events_total Number of process element instance events
zeebe_element_instance_events_total{action="completed",type="PROCESS",partition="1",} 40.0
zeebe_element_instance_events_total{action="completed",type="PROCESS",partition="2",} 2.0
zeebe_element_instance_events_total{action="activated",type="PROCESS",partition="1",} 50.0
zeebe_element_instance_events_total{action="completed",type="SERVICE_TASK",partition="1",} 45.0
"""
    assert completed_processes(camunda) == 42
    assert completed_processes("# nothing yet\n") == 0
    ours = [
        'fairlead_jobs_finished_total{outcome="completed",task="a.b"} 7.0',
        'fairlead_jobs_finished_total{outcome="retry"} 3.0',
    ]
    assert completed_in(ours) == 7


async def test_times_are_written_and_read(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    handled = Handled(settings)
    assert not await handled.until({"case-1"}, 0.0)
    first, second = Stamps(settings), Stamps(settings)
    first.handled("case-1")
    second.handled("case-2")
    assert await handled.until({"case-1", "case-2"}, 5.0)
    before = handled.times["case-1"]
    second.handled("case-1")
    assert handled.read()["case-1"] == before  # handled again: the first time counts
    first.close()
    second.close()


def test_the_context_is_found_and_is_no_part_of_the_product() -> None:
    assert discovery.all_job_types(ROOT) == ["one_task.act_once", "one_task.act_reading"]
    for side in sides(Settings()):
        if side.probed:
            assert discovery.find(side.job_type, ROOT).effect in {"once", "none"}
    assert not [name for name in discovery.all_job_types() if name.startswith(("one_task", "bench"))]
