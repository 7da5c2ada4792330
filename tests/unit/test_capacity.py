"""The figures of docs/capacity.md follow from what was measured by the arithmetic that stands there."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "capacity.md").read_text()
MEASURED, _, _ = PAGE.partition("## The arithmetic")
COST = {name: int(ms) for name, ms in re.findall(r"^\| (\w+)[^|]*\| (\d+) \|", MEASURED, re.MULTILINE)}
"""Milliseconds of processor time for a lead, by program."""
HOURLY = (10_000, 100_000, 1_000_000)
BUSY, FOLLOWERS, NEWER, REPLICAS, A_PARTITION = 0.6, 1.5, 1.75, 2, 14


def row(begins: str) -> list[str]:
    (found,) = re.findall(rf"^\| {re.escape(begins)}[^|]*\|(.*)\|$", PAGE, re.MULTILINE)
    return [cell.strip() for cell in found.split("|")]


def test_the_costs_are_the_benchmarks() -> None:
    bench = " ".join((DOCS / "bench.md").read_text().split())
    assert f"all programs {sum(COST.values())} ms" in " ".join(PAGE.split())
    assert f"| {sum(COST.values())} ms |" in bench
    assert (
        f"Camunda took {COST['Camunda']} ms, OpenSearch {COST['OpenSearch']} (at a lower priority), the worker {COST['worker']}"
        in bench
    )


@pytest.mark.parametrize("place", range(3))
def test_cores_follow_from_the_costs(place: int) -> None:
    rate = 2 * HOURLY[place] / 3600

    def cores(program: str, factor: float = 1.0) -> float:
        return rate * COST[program] / 1000 / BUSY * factor

    def told(begins: str) -> list[float]:
        return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", row(begins)[place])]

    assert told("λ, and planned for") == pytest.approx([rate / 2, rate], rel=0.02)
    needed, partitions = told("partitions")
    assert needed == pytest.approx(rate / A_PARTITION, rel=0.02)
    brokers, size = told("brokers")
    assert partitions >= needed
    assert partitions % brokers == 0
    assert told("Camunda's cores") == pytest.approx([cores("Camunda", NEWER * FOLLOWERS)], rel=0.02)
    assert brokers * size >= cores("Camunda", NEWER * FOLLOWERS)
    searching, nodes, each = told("OpenSearch: 2")
    assert searching == pytest.approx(cores("OpenSearch", REPLICAS), rel=0.02, abs=0.05)
    assert nodes * each >= searching
    total = brokers * size + nodes * each
    for begins, program in (
        ("worker: 2", "worker"),
        ("dispatcher: ", "dispatcher"),
        ("scorer: ", "scorer"),
        ("gateway: ", "gateway"),
    ):
        *_, needed, processes = told(begins)
        assert needed == pytest.approx(cores(program), rel=0.02, abs=0.05)
        assert processes >= math.ceil(cores(program))
        total += processes
    needed, given = told("PostgreSQL: ")
    assert needed == pytest.approx(cores("PostgreSQL"), abs=0.5)
    assert given >= needed
    assert told("all cores") == [total + given]
