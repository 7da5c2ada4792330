"""The declared input: which tables there are, which columns they have, and what a row must hold."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from operator import attrgetter
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

TOTAL = "total"
"""The segment that sums up all others, as the forecast writes it."""


def _first_of_month(value: object) -> object:
    return f"{value}-01" if isinstance(value, str) and len(value) == len("2027-01") else value


Text = Annotated[str, Field(min_length=1)]
Month = Annotated[dt.date, BeforeValidator(_first_of_month)]
Optional = BeforeValidator(lambda value: None if value == "" else value)
Amount = Annotated[Decimal, Field(allow_inf_nan=False)]


class Row(BaseModel):
    """One row of a table; cells are text, empty where nothing is known."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)
    key: ClassVar[tuple[str, ...]]
    """Columns that no two rows may share."""


class Unit(Row):
    """A company, region, team …: a row of `units.csv`. The one without a parent is the top."""

    key = ("unit",)
    unit: Text
    parent: str = ""
    level: Text
    name: str = ""


class Rep(Row):
    """A rep in a period: a row of `reps.csv`."""

    key = ("period", "rep")
    period: Text
    rep: Text
    name: str = ""
    unit: Text
    hired: dt.date
    left: Annotated[dt.date | None, Optional] = None


class Territory(Row):
    """What a rep's territory could buy in a segment: a row of `territories.csv`. An empty `rep` is a vacant territory."""

    key = ("period", "rep", "segment")
    period: Text
    rep: str = ""
    segment: Text
    potential: float = Field(ge=0, allow_inf_nan=False)


class Forecast(Row):
    """A month of the published forecast: a row of `forecast.csv`, as `fairlead forecast show --csv` writes it, and `period`."""

    key = ("period", "segment", "month")
    period: Text
    segment: Text
    month: Month
    value: float = Field(ge=0, allow_inf_nan=False)
    lo80: Annotated[float | None, Optional] = Field(None, allow_inf_nan=False)
    hi80: Annotated[float | None, Optional] = Field(None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.lo80 is not None and self.hi80 is not None and not self.lo80 <= self.value <= self.hi80:
            raise ValueError(f"the value {self.value:g} is not inside its interval {self.lo80:g} to {self.hi80:g}")
        return self


class Opportunity(Row):
    """An open opportunity when the period was planned: a row of `pipeline.csv`."""

    key = ("period", "opportunity")
    period: Text
    rep: Text
    opportunity: Text
    amount: float = Field(ge=0, allow_inf_nan=False)
    probability: float = Field(ge=0, le=1)
    closes: Month


class Result(Row):
    """A quota of an earlier period and what came: a row of `results.csv`. Units may have rows too."""

    key = ("period", "node")
    period: Text
    node: Text
    quota: Annotated[Amount | None, Optional] = None
    result: Annotated[Amount | None, Optional] = None


class RampMonth(Row):
    """How productive a rep is in a month of service: a row of `ramp.csv`."""

    key = ("month",)
    month: int = Field(ge=1, le=60)
    productivity: float = Field(ge=0, le=1)


class Bound(Row):
    """Floor, cap or lock of one rep or unit: a row of `bounds.csv`."""

    key = ("node",)
    node: Text
    floor: Annotated[Amount | None, Optional] = Field(None, ge=0)
    cap: Annotated[Amount | None, Optional] = Field(None, ge=0)
    lock: Annotated[Amount | None, Optional] = Field(None, ge=0)
    reason: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.floor is not None and self.cap is not None and self.floor > self.cap:
            raise ValueError(f"the floor {self.floor} is above the cap {self.cap}")
        return self


TABLES: Mapping[str, type[Row]] = {
    "units": Unit,
    "reps": Rep,
    "territories": Territory,
    "forecast": Forecast,
    "pipeline": Opportunity,
    "results": Result,
    "ramp": RampMonth,
    "bounds": Bound,
}
OPTIONAL = frozenset({"pipeline", "results", "ramp", "bounds"})
"""Without these a plan can be made too."""


@dataclass(frozen=True)
class Problem:
    """Something in the input that was left out, or that a planner should know, and why."""

    where: str
    """File and row, or the rep."""
    rule: str
    text: str


@dataclass(frozen=True)
class Inputs:
    """All tables, rows in the order of their keys."""

    units: tuple[Unit, ...]
    reps: tuple[Rep, ...]
    territories: tuple[Territory, ...]
    forecast: tuple[Forecast, ...]
    pipeline: tuple[Opportunity, ...] = ()
    results: tuple[Result, ...] = ()
    ramp: tuple[RampMonth, ...] = ()
    bounds: tuple[Bound, ...] = ()

    @cached_property
    def sha256(self) -> str:
        """Digest of all rows; the order of the rows in a file does not count."""
        digest = hashlib.sha256()
        for name in TABLES:
            for row in getattr(self, name):
                digest.update(f"{name}{tuple(vars(row).values())!r}\n".encode())
        return digest.hexdigest()

    def of(self, table: str, period: str) -> list[Any]:  # Any: rows of that table
        """Rows of a table for one period."""
        return self._by_period[table].get(period, [])

    @cached_property
    def _by_period(self) -> dict[str, dict[str, list[Any]]]:
        found: dict[str, dict[str, list[Any]]] = {}
        for name in ("reps", "territories", "forecast", "pipeline", "results"):
            periods = found.setdefault(name, {})
            for row in getattr(self, name):
                periods.setdefault(row.period, []).append(row)
        return found

    @cached_property
    def months(self) -> dict[str, tuple[dt.date, ...]]:
        """Months of each period, in order: those that its forecast has."""
        found: dict[str, set[dt.date]] = {}
        for row in self.forecast:
            found.setdefault(row.period, set()).add(row.month)
        return {period: tuple(sorted(found[period])) for period in sorted(found, key=lambda one: min(found[one]))}


def sorted_rows(rows: list[Any]) -> tuple[Any, ...]:  # Any: rows of one table
    """Rows in the order of their keys."""
    return tuple(sorted(rows, key=attrgetter(*rows[0].key)) if rows else ())
