"""How long scoring one lead takes, beside the scikit-learn alternative in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from workers.lead_routing.scoring.evaluation import fit_hist_gradient_boosting
from workers.lead_routing.scoring.features import Encoder
from workers.lead_routing.scoring.model import Scorer
from workers.lead_routing.scoring.table import Table

_WARM_UP = 20


@dataclass(frozen=True)
class Latency:
    """Time of one call, in milliseconds."""

    name: str
    calls: int
    p50: float
    p99: float
    worst: float


def measure_latency(
    name: str, call: Callable[[Mapping[str, object]], object], leads: Sequence[Mapping[str, object]]
) -> Latency:
    """Call once for each lead, one after the other in this thread."""
    for lead in leads[:_WARM_UP]:
        call(lead)
    times = np.empty(len(leads))
    for i, lead in enumerate(leads):
        begin = time.perf_counter_ns()
        call(lead)
        times[i] = time.perf_counter_ns() - begin
    p50, p99, worst = np.quantile(times / 1e6, [0.5, 0.99, 1.0])
    return Latency(name, len(leads), float(p50), float(p99), float(worst))


def compare_latency(scorer: Scorer, table: Table, leads: Sequence[Mapping[str, object]], *, seed: int) -> list[Latency]:
    """The stored scorer (score, band and reasons) beside HistGradientBoosting fitted on `table` (probability only)."""
    forest = fit_hist_gradient_boosting(table, seed)
    encoder = Encoder(table.schema, table.fit_vocabulary())

    def alternative(lead: Mapping[str, object]) -> object:
        return forest.predict_proba(np.array([encoder.encode(lead)[0]]))

    # scikit-learn would start a thread for each core, for one row; one lead at a time is one thread's work.
    with threadpool_limits(limits=1):
        return [
            measure_latency("Scorer.score (with reasons)", scorer.score, leads),
            measure_latency("scikit-learn HistGradientBoosting (no reasons)", alternative, leads),
        ]
