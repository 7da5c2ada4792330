from __future__ import annotations

import multiprocessing
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from workers.bench import planning
from workers.bench.gap_instances import gap_instance, write_instance
from workers.bench.planning import OURS, Outcome, as_json, bench, own_gap
from workers.bench.planning_cases import Answer, Case, Side, case_of, peak_mib
from workers.bench.planning_quotas import QuotaFigures, bench_quotas
from workers.territory_alignment.solving.errors import InputError
from workers.territory_alignment.solving.gap import read_gap


def side(name: str = OURS, **answer: float | None) -> Side:
    return Side(name, Answer(**{"value": 101.0, "bound": 100.5, "first": 1.0, "lp": 100.0} | answer), 60.0, 90.0, 300.0)  # type: ignore[arg-type] # the fields above


def test_a_case_is_written_in_short_and_makes_its_model() -> None:
    case = case_of("d20x200:30", 3)
    assert case == Case("d", 20, 200, 30.0, 3)
    assert case.model().size == (200, 20)
    assert case_of("6x60:2.5", 1).model().size == (60, 6)


@pytest.mark.parametrize("text", ["50", "x50x1000:30", "50x1000", "50x1000:"])
def test_what_is_no_case_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="REPSxACCOUNTS:SECONDS"):
        case_of(text, 1)


def test_each_target_is_judged_by_what_it_speaks_of() -> None:
    large = Outcome(case_of("200x5000:60", 1), [side(value=102.9)])
    assert [met for _, met in large.judged()] == [True, True, True]
    late = Outcome(large.case, [side(value=103.1, first=10.1)])
    assert [met for _, met in late.judged()] == [False, True, False]
    medium = Outcome(case_of("50x1000:30", 1), [side(value=101.0, bound=100.5)])
    assert all(met for _, met in medium.judged())
    assert not all(met for _, met in Outcome(medium.case, [side(bound=100.2)]).judged())
    assert Outcome(case_of("50x1000:20", 1), [side()]).judged() == [], "the target says 30 s"


def test_all_sides_are_measured_against_one_lp_bound() -> None:
    other = side("CP-SAT", value=110.0, bound=90.0, lp=None)
    outcome = Outcome(case_of("c5x10:1", 1), [side(), other])
    assert outcome.above(other) == pytest.approx(0.1)
    assert own_gap(other) == pytest.approx(20 / 90)
    nothing = side("CP-SAT", value=None)
    assert (outcome.above(nothing), own_gap(nothing)) == (None, None)
    sides = as_json([outcome], None, {}, {})["instances"][0]["sides"]  # type: ignore[index] # plain JSON values
    assert [one["above_lp"] for one in sides] == [pytest.approx(0.01), pytest.approx(0.1)]


@pytest.mark.parametrize("kind", ["c", "d", "e"])
def test_published_types_are_made_by_their_formulas_and_written_in_their_format(kind: str, tmp_path: Path) -> None:
    made = gap_instance(kind, 5, 100)
    write_instance(made, tmp_path / kind)
    (read,) = read_gap(tmp_path / kind)
    for name in ("cost", "work", "limit"):
        assert (getattr(read.model, name) == getattr(made, name)).all(), name
    assert made.limit == pytest.approx(0.8 * made.work.sum(axis=0) / 5, abs=1)
    together = np.corrcoef(made.cost.ravel(), made.work.ravel())[0, 1]
    assert (together < -0.3) == (kind != "c"), "in d and e what is cheap takes much"


def test_a_process_is_charged_with_its_own_memory_and_not_with_that_of_who_started_it() -> None:
    held = bytearray(300 * 2**20)
    command = [sys.executable, "-c", "from workers.bench.planning_cases import peak_mib; print(peak_mib())"]
    alone = float(subprocess.run(command, capture_output=True, check=True).stdout)
    assert peak_mib() > len(held) / 2**20 > alone > 10


def _deaf(*_: object) -> Answer:
    while True:
        time.sleep(1)


def test_a_side_that_looks_at_no_clock_is_killed_and_has_no_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "MAKING_SECONDS", 0.5)
    late = planning.apart("deaf", _deaf, case_of("c4x20:0.2", 1))
    assert (late.answer.value, late.answer.bound, own_gap(late)) == (None, 0.0, None)
    assert late.seconds > 0.5
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_both_sides_solve_the_same_instance_in_processes_of_their_own() -> None:
    done: list[Outcome] = []
    (outcome,) = bench([case_of("c4x20:250", 1)], alternatives=True, say=lambda _: None, done=done.append)
    assert done == [outcome]
    values = {one.answer.value for one in outcome.sides}
    assert len(outcome.sides) >= 2
    assert len(values) == 1, "all find the best of so small a problem"
    assert all(one.peak_mib > 20 and one.cpu_seconds > 0 for one in outcome.sides)


def test_quotas_are_judged_at_the_size_that_the_target_speaks_of() -> None:
    made = QuotaFigures(2_000, 5, 213_000, 3.0, 4.9, 8.0, 600.0)
    assert made.judged == ("quotas of 2,000 reps planned in 4.9 s, target 5 s", True)
    assert replace(made, planning_seconds=5.1).judged == ("quotas of 2,000 reps planned in 5.1 s, target 5 s", False)
    assert replace(made, reps=200).judged is None


@pytest.mark.slow
def test_quotas_of_a_sample_are_planned_in_a_process_of_their_own() -> None:
    made = bench_quotas(20, 1)
    assert (made.reps, made.levels) == (20, 5)
    assert made.rows > 1_000
    assert made.planning_seconds > 0
    assert made.peak_mib > 50
