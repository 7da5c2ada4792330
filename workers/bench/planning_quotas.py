"""The part of `fairlead bench planning` that is about quotas: a sample organisation of five levels, planned once."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from workers.bench.planning_cases import cpu_seconds, peak_mib
from workers.quota_approval.planning.reading import read_folder
from workers.quota_approval.planning.rules import load_rules
from workers.quota_approval.planning.running import run_plan
from workers.quota_approval.planning.sample import write_sample

REPS = 2_000
TARGET_SECONDS = 5.0


@dataclass(frozen=True)
class QuotaFigures:
    """What planning the quotas of a sample organisation took."""

    reps: int
    levels: int
    rows: int
    """Of all input files, history included."""
    reading_seconds: float
    """From the files to checked rows."""
    planning_seconds: float
    """From those to the version: expectations, odds and their calibration, split, cents, simulation, prices of rules."""
    cpu_seconds: float
    """Of both, all threads."""
    peak_mib: float
    """Making the sample included."""

    @property
    def judged(self) -> tuple[str, bool] | None:
        """The target, in words, and whether it is met; None: it speaks of another size."""
        if self.reps != REPS:
            return None
        text = f"quotas of {self.reps:,} reps planned in {self.planning_seconds:.1f} s, target {TARGET_SECONDS:g} s"
        return text, self.planning_seconds <= TARGET_SECONDS


def bench_quotas(reps: int, seed: int) -> QuotaFigures:
    """Plan in a process of its own, so that memory and imports are its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measured, reps, seed).result()


def _measured(reps: int, seed: int) -> QuotaFigures:
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_sample(folder, reps=reps, seed=seed)
        rows = sum(len(file.read_bytes().splitlines()) - 1 for file in folder.glob("*.csv"))
        cpu, began = cpu_seconds(), time.monotonic()
        rules = load_rules(folder / "rules.yaml")
        reading = read_folder(folder, currency=rules.currency)
        read = time.monotonic()
        plan = run_plan(reading.inputs, rules, problems=reading.problems)
        done = time.monotonic()
    levels = len(plan.organisation.order_of_levels())
    return QuotaFigures(reps, levels, rows, read - began, done - read, cpu_seconds() - cpu, peak_mib())
