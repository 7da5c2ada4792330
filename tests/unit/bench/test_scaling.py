"""What `fairlead bench scaling` concludes from its bursts, and what it is asked."""

from __future__ import annotations

import pytest
from rich.console import Console
from typer.testing import CliRunner

from workers.__main__ import build
from workers.bench.runtime.scaling import Burst, Plan, Report
from workers.cli._bench_scaling import _table


def test_costs_are_medians_for_an_instance() -> None:
    bursts = [
        Burst(partitions, workers, 100, seconds, {"camunda": seconds / 2, "workers": 0.2, "bench": 9.0}, 0.1)
        for partitions, workers, seconds in ((1, 1, 2.0), (1, 2, 4.0), (1, 1, 1.0), (1, 1, 9.0), (3, 1, 5.0))
    ]
    found = list(Report(Plan(), bursts).costs())
    assert [(one.partitions, one.workers) for one in found] == [(1, 1), (1, 2), (3, 1)]
    assert found[0].throughput == 50
    assert found[0].milliseconds == pytest.approx({"camunda": 10, "workers": 2, "bench": 90})
    assert found[0].total == pytest.approx(12)
    console = Console(width=120, record=True)
    console.print(_table(Report(Plan(), bursts)))
    assert "12.0" in console.export_text()


@pytest.mark.parametrize("given", ["", "0", "1,x", "1,,3", "-1"])
def test_numbers_that_are_none_are_refused(given: str) -> None:
    done = CliRunner().invoke(build(["bench"]), ["bench", "scaling", "--partitions", given])
    assert done.exit_code == 2
    assert "whole numbers above 0" in done.output
