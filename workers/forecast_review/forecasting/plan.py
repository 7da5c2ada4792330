"""What a run is to do."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from workers.forecast_review.forecasting import months
from workers.forecast_review.forecasting.checks import Thresholds
from workers.forecast_review.forecasting.errors import PlanError
from workers.forecast_review.forecasting.history import History
from workers.forecast_review.forecasting.incumbents import Incumbents
from workers.forecast_review.forecasting.models import LEAST, QUICK, SINGLE, candidates
from workers.forecast_review.forecasting.reading import MANY


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Plan:
    """What a run is to do; the same plan on the same data gives the same forecast."""

    horizon: int = 12
    """Months ahead."""
    models: tuple[str, ...] = SINGLE
    """Single models that compete; combinations of them join by themselves."""
    origins: int = 5
    """Rolling origins at which what would have been published is held against what came, a horizon apart."""
    earlier: int = 3
    """Origins before those, so that the first of them has something to choose by."""
    margin: float = 0.01
    """A simpler model wins if its error is higher by at most this share."""
    seed: int = 1
    clean: bool = True
    """Repair by rule before fitting; without it only gaps are bridged (what the table of faults compares with)."""
    thresholds: Thresholds = field(default_factory=Thresholds)
    incumbents: Incumbents = field(default_factory=dict)
    """Node → what the review before ended with; empty: every node's champion is chosen afresh."""
    processes: int = field(default_factory=cores)

    def __post_init__(self) -> None:
        if not 1 <= self.horizon <= months.LONGEST:
            raise PlanError(f"the horizon is {self.horizon} months; give 1 to {months.LONGEST}")
        if self.origins < 1 or self.earlier < 0 or self.processes < 1:
            raise PlanError("a run needs at least one origin and one process")
        if not 0 <= self.margin < 1:
            raise PlanError(f"the margin is {self.margin}; give a share from 0 up to 1")
        candidates(self.models)

    def content(self) -> dict[str, object]:
        """What decides the result: all but the number of processes; of the incumbents, which are many, a digest."""
        found = {name: value for name, value in asdict(self).items() if name not in {"processes", "incumbents"}}
        if self.incumbents:
            told = repr([(node, self.incumbents[node]) for node in sorted(self.incumbents)])
            found["incumbents"] = hashlib.sha256(told.encode()).hexdigest()
        return found

    def models_for(self, series: int) -> tuple[str, ...]:
        """The candidates; the quick ones alone where there are too many series for all."""
        return candidates(self.models if series <= MANY else [name for name in self.models if name in QUICK])

    def months_of_origins(self, history: History) -> tuple[int, ...]:
        """The origins, oldest first; the last one is the end of the history. None leaves less than two years before it."""
        first = history.start + LEAST - 1
        wanted = range(self.origins + self.earlier, -1, -1)
        return tuple(at for k in wanted if (at := history.end - k * self.horizon) >= first or k == 0)


def describe(origins: Sequence[int]) -> list[str]:
    """Origins as text."""
    return [months.text(at) for at in origins]
