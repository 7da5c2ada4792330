"""Monthly series in memory, with the digest that makes a forecast reproducible."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workers.forecast_review.forecasting import months

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Severity = Literal["info", "warning", "error"]
HARM: Mapping[str, int] = {"error": 0, "warning": 1, "info": 2}
"""A severity's place in a report."""

SEPARATOR = "/"
"""Between the levels of a segment's name."""
TOTAL = "total"
"""Name of the node that sums up everything."""


@dataclass(frozen=True)
class Problem:
    """Something that was left out, and why."""

    where: str
    """File and row, or the series."""
    rule: str
    text: str
    series: str = ""


@dataclass(frozen=True)
class Series:
    """One bottom segment. `values` holds one number a month from `start` on; NaN is a gap."""

    path: tuple[str, ...]
    """From the top level down."""
    start: int
    values: Floats

    @property
    def name(self) -> str:
        """The path as text."""
        return SEPARATOR.join(self.path)

    @property
    def end(self) -> int:
        """The last month with a row."""
        return self.start + len(self.values) - 1

    def until(self, month: int) -> Series:
        """What was known when `month` was the last one over; may be empty."""
        return Series(self.path, self.start, self.values[: max(0, month - self.start + 1)])


@dataclass(frozen=True)
class History:
    """All series of one file or one collection."""

    name: str
    """Names what is forecast (the layout's name); versions of one name follow each other."""
    levels: tuple[str, ...]
    """What the parts of a path are called, top-down."""
    series: Mapping[str, Series]
    groups: tuple[tuple[str, ...], ...] = ()
    """Further sums across the hierarchy: each a choice of levels, such as ``("industry",)``."""
    unit: str = ""

    @property
    def end(self) -> int:
        """The newest month of any series."""
        return max(one.end for one in self.series.values())

    @property
    def start(self) -> int:
        """The oldest month of any series."""
        return min(one.start for one in self.series.values())

    @cached_property
    def sha256(self) -> str:
        """Digest of names, months and values; the order of the rows in a file does not count."""
        digest = hashlib.sha256(repr((self.name, self.levels, self.groups, self.unit)).encode())
        for name in sorted(self.series):
            one = self.series[name]
            digest.update(repr((one.path, one.start, len(one.values))).encode())
            # One bit pattern for every NaN.
            digest.update(np.where(np.isnan(one.values), np.nan, one.values).astype("<f8").tobytes())
        return digest.hexdigest()

    def until(self, month: int) -> History:
        """What was known when `month` was the last one over; series that had not begun are left out."""
        kept = {name: one.until(month) for name, one in self.series.items() if one.start <= month}
        return History(self.name, self.levels, kept, self.groups, self.unit)

    def describe(self) -> str:
        """Series and period in words."""
        return f"{len(self.series):,} series, {months.text(self.start)} to {months.text(self.end)}"
