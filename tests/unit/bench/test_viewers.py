"""Whether viewers slow routing down is said of medians, and beyond 5 % it fails."""

from __future__ import annotations

import json

import pytest

from workers.bench.cpu import Usage
from workers.bench.figures import Figures, Spread
from workers.bench.lead_routing import OURS, Run
from workers.bench.viewers import Plan, Report, Round, as_json
from workers.bench.viewing import Watched

SAW = Watched(seconds=20.0, told=400, pages=900, p95=0.1)


def run(p50: float | None, settled: float) -> Run:
    spread = None if p50 is None else Spread(100, p50, 2 * p50, 3 * p50, 4 * p50)
    figures = Figures(10.0, 20.0, 200, 200, 200, 200, settled, spread, spread, 0, 0.0, held=True)
    return Run(OURS, "fixed rate", figures, {"202": 200}, 0.0, 0, Usage(20.0, {"camunda": 20.0, "bench": 1.0}, 0.0))


def report(*rounds: tuple[bool, float | None, float]) -> Report:
    found = Report(Plan())
    found.rounds = [
        Round(SAW if watched else None, run(p50, settled), run(p50, settled)) for watched, p50, settled in rounds
    ]
    return found


def test_small_differences_are_no_miss() -> None:
    found = report((False, 0.100, 20.0), (True, 0.104, 19.4), (True, 0.106, 19.6), (False, 0.102, 20.2))
    assert found.slower == pytest.approx(0.105 / 0.101 - 1)
    assert found.fewer == pytest.approx(1 - 19.5 / 20.1)
    assert found.missed == []


def test_what_slows_routing_down_is_said() -> None:
    assert report((False, 0.1, 20.0), (True, 0.12, 20.0)).missed == ["the median lead is slower by 20.0%"]
    assert report((False, 0.1, 20.0), (True, 0.1, 18.0)).missed == ["fewer leads a second are settled by 10.0%"]
    assert report((False, 0.1, 20.0), (True, None, 20.0)).missed, "nothing was assigned"
    starved = report((False, 0.1, 20.0), (True, 0.1, 20.0))
    starved.plan = Plan(viewers=2_000)
    assert starved.missed == ["the machine had no room for the viewers: they loaded 45.0 pages a second"]


def test_the_report_is_written_as_json() -> None:
    found = report((False, 0.1, 20.0), (True, 0.12, 20.0))
    written = json.loads(json.dumps(as_json(found, {"cores": 2}, {"camunda": "8.6.0"}), allow_nan=False))
    assert [one["watched"] for one in written["rounds"]] == [
        None,
        {"seconds": 20.0, "told": 400, "pages": 900, "p95": 0.1},
    ]
    assert written["rounds"][1]["fixed"]["cpu_seconds_per_lead"] == pytest.approx(0.1)
    assert (written["plan"]["viewers"], written["machine"], written["versions"]) == (
        50,
        {"cores": 2},
        {"camunda": "8.6.0"},
    )
    assert written["slower"] == pytest.approx(0.2)
    assert written["target"]["missed"] == ["the median lead is slower by 20.0%"]
    assert as_json(report((False, 0.1, 20.0), (True, None, 20.0)), {}, {})["slower"] is None
