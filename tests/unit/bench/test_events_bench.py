"""What the benchmark of events concludes from what it saw, and how it reads the engine's records."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from fastapi import FastAPI, Request
from rich.console import Console

from tests.simulators.serving import listening
from workers.bench.cpu import Usage
from workers.bench.events.figures import BY_HTTP, BY_KAFKA, FIXED, LOOP, Passage, Plan, Report, Run, run_of
from workers.bench.events.records import started
from workers.bench.events.showing import as_json, show
from workers.control_room.exported import ExportedRecords
from workers.settings import ControlRoom, Settings


def run(side: str, passages: Sequence[Passage], *, rate: float = 50.0, purpose: str = FIXED) -> Run:
    return run_of(
        side, purpose, rate, passages, until=100.0, answers={"202": len(passages)}, sender_late_seconds=0.001,
        usage=Usage(20.0, {"camunda": 4.0, "gateway": 1.0, "bench": 3.0}, 0.1),
    )  # fmt: skip


FAST = [Passage(10.0 + number, 10.01 + number, 10.03 + number) for number in range(50)]


def test_the_target_needs_every_run_of_ours_and_every_process() -> None:
    good = run(BY_KAFKA, FAST)
    assert good.latency is not None
    assert good.latency.p99 == pytest.approx(0.03)
    assert good.to_database is not None
    assert good.to_engine is not None
    assert [good.to_database.p50, good.to_engine.p50] == pytest.approx([0.01, 0.02])
    assert good.cpu_per_event == pytest.approx(0.1)
    lost = run(BY_HTTP, [*FAST, Passage(60.0, 60.01, None)])
    assert (lost.sent, lost.started) == (51, 50)
    assert lost.latency is not None
    assert lost.latency.longest == pytest.approx(40.0)  # it still waits: a lower bound
    slow = run(BY_HTTP, [Passage(0.0, 0.1, 0.2)] * 9)
    plain = run(LOOP, [Passage(0.0, None, 30.0)])
    assert (plain.to_database, plain.to_engine) == (None, None)
    assert Report(Plan(), [good, plain]).met() is True
    assert Report(Plan(), [good, lost]).met() is False
    assert Report(Plan(), [good, slow]).met() is False
    assert Report(Plan(), [good, run(BY_HTTP, [Passage(0.0, 0.1, 0.2)], purpose="warm-up")]).met() is True
    assert Report(Plan(), [plain, run(BY_KAFKA, FAST, rate=10.0)]).met() is None


def test_the_report_is_a_table_and_plain_json() -> None:
    report = Report(Plan(), [run(BY_KAFKA, FAST, purpose="warm-up"), run(BY_KAFKA, FAST), run(LOOP, FAST)])
    told = json.loads(json.dumps(as_json(report, {"cpus": 2}, {"aiokafka": "0"})))
    assert told["target"]["met"] is True
    assert told["runs"][1]["latency"]["p99"] == pytest.approx(0.03)
    out = io.StringIO()
    show(report, {"cpus": 2}, Console(file=out, width=150))
    assert "Fairlead, by Kafka, warm-up" in out.getvalue()
    assert "50/50" in out.getvalue()
    assert "at 50/s: met" in out.getvalue()


async def test_starts_are_read_from_the_engines_records() -> None:
    """The exporter's form: a variable names the lead, its instance's own record has the time."""
    app, asked = FastAPI(), 0

    @app.post("/_msearch")
    async def search(request: Request) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        head, body = map(json.loads, (await request.body()).decode().splitlines())
        assert {"range": {"timestamp": {"gte": 5_500}}} in body["query"]["bool"]["filter"]
        last = 3 if asked > 2 else 2  # the third is shown later
        found: list[dict[str, Any]]
        if head["index"].startswith("zeebe-record_variable"):
            found = [{"value": {"value": f'"lead-{one}"', "processInstanceKey": one}} for one in range(1, last + 1)]
        else:
            found = [{"timestamp": 6_000 + one, "value": {"processInstanceKey": one}} for one in range(2, last + 1)]
        return {"responses": [{"hits": {"hits": [{"_source": one} for one in found]}}]}

    with listening(app) as url:
        async with ExportedRecords(Settings(control_room=ControlRoom(records_url=url))) as records:
            found = await started(records, ["lead-2", "lead-3"], 5.5, 30.0)
            assert found == {"lead-2": 6.002, "lead-3": 6.003}
            assert await started(records, ["lead-1", "lead-2"], 5.5, 0.0) == {"lead-2": 6.002}
