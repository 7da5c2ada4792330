"""Which columns of a file hold segment, month and value, and how its numbers are written: a mapping as data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from workers import shipped
from workers.forecast_review.forecasting.errors import LayoutError


def _text_or_list(value: object) -> object:
    """Let a YAML author write one column as a plain string."""
    return [value] if isinstance(value, str) else value


Columns = Annotated[tuple[str, ...], BeforeValidator(_text_or_list)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Month(_Frozen):
    """Where the month is."""

    column: str = ""
    year: str = ""
    month: str = ""
    """Or year and month in columns of their own."""
    formats: tuple[str, ...] = ("%Y-%m", "%Y-%m-%d", "%Y/%m/%d", "%Y%m", "%Y-%m-%dT%H:%M:%S", "%b %Y", "%B %Y")
    """As `strptime` knows them; the first that fits counts."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.column) == bool(self.year and self.month):
            raise ValueError("give either `column`, or `year` and `month`")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are read."""
        return (self.column,) if self.column else (self.year, self.month)


class Value(_Frozen):
    """Where the value is and how it is written."""

    column: str
    decimal: str = Field(default=".", min_length=1, max_length=1)
    thousands: str = Field(default="", max_length=1)
    currency: str = ""
    """A sign or code that may stand before or after the number, such as ``€`` or ``AUD``."""
    missing: tuple[str, ...] = ("", "NA", "null")
    """What stands for "not known": a gap, no error."""
    unit: str = ""

    @model_validator(mode="after")
    def _different(self) -> Self:
        if self.decimal == self.thousands:
            raise ValueError("`decimal` and `thousands` must differ")
        return self


class Layout(_Frozen):
    """A layout; see `load_layout`."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str = ""
    segments: Columns = Field(min_length=1)
    """Columns that name a segment, top-down."""
    separator: str = ""
    """If given, there is one segment column, which holds a whole path: ``north/shop 7``."""
    levels: Columns = ()
    """What the levels are called; default: the columns' names, or level_1, level_2 … of a path."""
    groups: tuple[Columns, ...] = ()
    """Further sums across the hierarchy, each a list of levels."""
    month: Month
    value: Value
    only: dict[str, tuple[str, ...]] = {}
    """Column → values: other rows are left alone (a file may hold several measures)."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.separator and len(self.segments) > 1:
            raise ValueError("with a `separator` there is one segment column")
        known = self.levels or self.segments
        if not self.separator and len(known) != len(self.segments):
            raise ValueError("`levels` must name as many levels as there are segment columns")
        unknown = [name for group in self.groups for name in group if name not in known]
        if unknown:
            raise ValueError(f"`groups` name {unknown[0]!r}, which is no level; there are {', '.join(known)}")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are read."""
        return (*self.segments, *self.month.columns, self.value.column, *self.only)


_SHIPPED = ("workers.forecast_review.forecasting", "layouts")


def load_layout(source: Path | str) -> Layout:
    """Read a layout file; a bare name (``retail_turnover``) means one shipped with Fairlead.

    Raises:
        LayoutError: if it is missing, is no YAML, or contradicts itself.
    """
    text = shipped.read(source, *_SHIPPED)
    if text is None:
        there = ", ".join(shipped_layouts())
        raise LayoutError(f"there is no layout {str(source)!r}; give a YAML file or one of: {there}")
    try:
        return Layout.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise LayoutError(f"{source} is not valid YAML: {error}") from error
    except ValidationError as error:
        told = (f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors())
        raise LayoutError(f"layout {source}: " + "; ".join(one.removeprefix(": ") for one in told)) from error


def shipped_layouts() -> list[str]:
    """Names of the layouts that come with Fairlead."""
    return shipped.names(*_SHIPPED)
