"""What the benchmark concludes from its runs, and that it leaves the organisation as it was."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from workers.bench.cpu import WARM, Compilers, Snapshot, Usage, snapshot, usage
from workers.bench.figures import Figures, Spread
from workers.bench.lead_routing import OURS, PLAIN, UNLIMITED, Plan, Report, Run, describe, unlimited_reps
from workers.bench.machine import machine
from workers.bench.showing import as_json, show, target_met
from workers.runtime.database import Pool
from workers.sample.loading import load


def run(side: str, rate: float, p99: float, *, held: bool = True, purpose: str = "fixed rate") -> Run:
    latency = Spread(600, p99 / 3, p99 / 2, p99, p99 * 2)
    found = Figures(rate, 60, 600, 600, 600, 600, rate, latency, latency, 3, 0.1, held)
    return Run(
        side, purpose, found, {"202": 600}, 0.002, 0, Usage(60, {"camunda": 48.0, "worker": 12.0, "bench": 9.0}, 0.1)
    )


def report(*runs: Run) -> Report:
    return Report(Plan(find_max=True), list(runs))


def test_the_target_needs_every_run_of_ours_at_the_target_rate() -> None:
    good, bad, slow = run(OURS, 10, 0.4), run(OURS, 10, 1.6), run(OURS, 2, 0.1)
    assert target_met(report(good, good, run(PLAIN, 10, 60.0))) is True
    assert target_met(report(good, bad)) is False
    assert target_met(report(good, replace(good, figures=replace(good.figures, held=False)))) is False
    assert target_met(report(slow)) is None
    assert target_met(report(run(OURS, 10, 0.1, purpose="search"))) is None


def test_the_highest_rate_held_is_of_all_runs() -> None:
    found = report(run(OURS, 10, 1), run(OURS, 40, 1, purpose="search"), run(OURS, 80, 1, held=False, purpose="search"))
    assert found.highest(OURS) == 40
    assert found.highest(PLAIN) is None


def test_the_middle_run_is_the_worse_of_two() -> None:
    middle = report(run(OURS, 10, 0.9), run(OURS, 10, 0.4)).middle(OURS)
    assert middle is not None
    assert middle.figures.from_received is not None
    assert middle.figures.from_received.p99 == pytest.approx(0.9)
    assert report().middle(OURS) is None


def test_it_is_shown_with_machine_target_and_alternative() -> None:
    done = report(run(OURS, 10, 0.4), run(PLAIN, 10, 61.0, held=False), run(OURS, 30, 1.0, purpose="search"))
    shown = io.StringIO()
    here = machine()
    show(done, here, Console(file=shown, width=160))
    text = shown.getvalue()
    for expected in (OURS, PLAIN, "61.000", "Highest rate held by fairlead: 30 leads/s", "met", "cores", "memory_gib"):
        assert expected in text
    written = json.loads(json.dumps(as_json(done, here, {"camunda": "8.6.0"})))
    assert written["target"]["met"] is True
    assert written["highest_rate_held"] == {OURS: 30, PLAIN: None}
    assert len(written["runs"]) == 3
    assert "not held" in describe(done.runs[1])


async def test_capacities_are_put_back_even_after_a_failure(pool: Pool) -> None:
    await load(pool, 1)
    before = await capacities(pool)
    with pytest.raises(RuntimeError, match="interrupted"):
        await _interrupted(pool)
    assert await capacities(pool) == before


async def _interrupted(pool: Pool) -> None:
    async with unlimited_reps(pool):
        assert set(await capacities(pool)) == {(UNLIMITED, UNLIMITED)}
        raise RuntimeError("interrupted")


async def capacities(pool: Pool) -> list[tuple[int, int]]:
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT daily_capacity, open_capacity FROM routing.reps ORDER BY id")
        return [(row["daily_capacity"], row["open_capacity"]) for row in await cursor.fetchall()]


def test_processor_time_a_lead_leaves_the_sender_out() -> None:
    assert run(OURS, 10, 0.4).cpu_per_lead == pytest.approx(0.1)


def test_usage_is_the_difference_and_counts_what_others_took() -> None:
    before = Snapshot(100.0, 50.0, {"camunda": 10.0, "worker": 20.0, "bench": 1.0})
    after = Snapshot(110.0, 70.0, {"camunda": 16.0, "worker": 2.0, "bench": 2.0})  # the worker was started again
    assert usage(before, after) == Usage(10.0, {"camunda": 6.0, "worker": 2.0, "bench": 1.0}, 1.1)


def test_a_snapshot_sees_this_process_and_bears_one_that_is_gone() -> None:
    seen = snapshot({"gone": 2**22 + 1})
    assert seen.programs["gone"] == 0.0
    assert seen.programs["bench"] > 0
    assert seen.machine > seen.programs["bench"]


COMPILING = """
import sys, threading
from pathlib import Path

def compile_something():
    Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text("C2 CompilerThre")
    while True:
        sum(range(10_000))

print("started", flush=True)
sys.stdin.readline()
threading.Thread(target=compile_something, daemon=True).start()
sys.stdin.readline()
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads have no names to be read here")
def test_the_time_of_compilers_is_that_of_threads_with_their_names() -> None:
    # Another process than this one, in which other tests may have started a Java machine with compilers of its own.
    with subprocess.Popen(
        [sys.executable, "-c", COMPILING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stdout.readline() == "started\n"
        compilers = Compilers(program.pid)
        assert compilers.share() is None
        program.stdin.write("go\n")
        program.stdin.flush()
        while not (share := compilers.share()):
            assert program.poll() is None
        assert share > WARM, "nothing but the compiler works here"
        program.stdin.write("end\n")
        program.stdin.flush()
    assert program.returncode == 0
    assert compilers.share() is None
