"""The declared feature schema: what a model may look at, and where it finds it in a lead.

A schema is a YAML file; `load_schema` reads it and refuses one that could leak: a feature that reads the label, the
order column, an id or an excluded column.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from workers import shipped
from workers.lead_routing.scoring.errors import SchemaError

Kind = Literal["numeric", "categorical", "boolean"]


def _text_or_list(value: object) -> object:
    """Let a YAML author write one path as a plain string."""
    return [value] if isinstance(value, str) else value


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Feature(_Frozen):
    """One thing the model may look at."""

    name: str = Field(min_length=1)
    kind: Kind
    label: str = ""
    """What a sales manager calls it; shown in the reasons. Default: the name with spaces."""
    column: str = ""
    """Column in a flat file. Default: the name."""
    path: Annotated[tuple[str, ...], BeforeValidator(_text_or_list)] = ()
    """Where it is in a lead, dotted (``company.employees``); the first that is present counts. Default: the name."""
    unit: str = ""
    """Written after the value in the reasons, for instance ``s`` or ``EUR``."""
    required: bool = False
    """A lead or row without it is refused; otherwise a missing value is something the model has learned to expect."""
    missing: tuple[str | float, ...] = ()
    """Values that mean "not known", besides null and the empty string."""
    categories: Literal["open"] | tuple[str, ...] = "open"
    """Categorical only. Closed list, or ``open``: whatever occurs often enough in training."""
    min: float | None = None
    max: float | None = None
    """Numeric only. Values beyond the bounds are clipped to them."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind != "categorical" and self.categories != "open":
            raise ValueError(f"feature {self.name!r}: only a categorical feature has categories")
        if self.kind != "numeric" and (self.min is not None or self.max is not None):
            raise ValueError(f"feature {self.name!r}: only a numeric feature has min and max")
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise ValueError(f"feature {self.name!r}: min must be below max")
        if self.categories != "open" and len(set(self.categories)) != len(self.categories):
            raise ValueError(f"feature {self.name!r}: a category is listed twice")
        return self

    @property
    def title(self) -> str:
        """The name for people."""
        return self.label or self.name.replace("_", " ").replace(".", " ").capitalize()

    @property
    def places(self) -> tuple[str, ...]:
        """Where to look for the value, in this order: the column of a flat file, then the paths in a lead."""
        column = self.column or self.name
        return (column, *(path for path in (self.path or (self.name,)) if path != column))


class Label(_Frozen):
    """The column that says whether the lead converted. A row where it is empty is not decided yet and is left out."""

    column: str
    positive: tuple[str | bool | int, ...] = (True,)
    negative: tuple[str | bool | int, ...] = (False,)


class Excluded(_Frozen):
    """A column that exists but must not be used, with the reason."""

    column: str
    why: str


class Bands(_Frozen):
    """How the leads divide by score: shares of the newest held-out rows, each between 0 and 1."""

    hot_share: float = Field(default=0.2, gt=0, lt=1)
    warm_share: float = Field(default=0.3, gt=0, lt=1)


class Schema(_Frozen):
    """A feature schema; see `load_schema`."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str = ""
    label: Label
    order: str | None = None
    """Column (or path) of the time by which rows are ordered, ISO 8601 or a number; None: the file's order is it."""
    ids: tuple[str, ...] = ()
    """Columns and paths that identify a lead; never features."""
    excluded: tuple[Excluded, ...] = ()
    rare: int = Field(default=20, ge=1)
    """An open category with fewer training rows than this counts as "other"."""
    bands: Bands = Bands()
    features: tuple[Feature, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _no_leak(self) -> Self:
        names = [feature.name for feature in self.features]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"feature {name!r} is declared twice")
        forbidden = {self.label.column: "the label"}
        forbidden |= dict.fromkeys(self.ids, "an id")
        forbidden |= {item.column: f"excluded ({item.why})" for item in self.excluded}
        if self.order is not None:
            forbidden[self.order] = "the order column"
        for feature in self.features:
            for place in (feature.name, *feature.places):
                if place in forbidden:
                    raise ValueError(f"feature {feature.name!r} reads {place!r}, which is {forbidden[place]}")
        return self

    def check_columns(self, columns: Iterable[str]) -> None:
        """Refuse a flat file that lacks the label, the order column or a feature.

        Raises:
            SchemaError: naming what is missing.
        """
        present = set(columns)
        missing = [f.places[0] for f in self.features if not present.intersection(f.places)]
        missing += [name for name in (self.label.column, self.order) if name is not None and name not in present]
        if missing:
            raise SchemaError(
                f"schema {self.name!r} needs the columns {', '.join(map(repr, missing))}, which the file lacks; "
                f"it has {', '.join(map(repr, sorted(present)))}"
            )


def parse_schema(data: object, where: str) -> Schema:
    """Check a schema that was read from YAML or JSON; `where` names it in errors.

    Raises:
        SchemaError: naming the feature or field at fault.
    """
    if not isinstance(data, dict):
        raise SchemaError(f"{where} is not a schema: a mapping with name, label and features is expected")
    try:
        return Schema.model_validate(data)
    except ValidationError as error:
        problems = [_explain(data, tuple(item["loc"]), item["msg"]) for item in error.errors()]
        raise SchemaError(f"{where}: " + "; ".join(dict.fromkeys(problems))) from error


def _explain(data: dict[object, object], loc: tuple[int | str, ...], message: str) -> str:
    """Name the feature instead of its position."""
    message = message.removeprefix("Value error, ")
    if len(loc) > 1 and loc[0] == "features" and isinstance(loc[1], int):
        features = data["features"]
        declared = features[loc[1]] if isinstance(features, list) else None
        name = declared.get("name", "?") if isinstance(declared, dict) else "?"
        field = ".".join(map(str, loc[2:]))
        return message if not field else f"feature {name!r} (number {loc[1] + 1}), {field}: {message}"
    field = ".".join(map(str, loc))
    return f"{field}: {message}" if field else message


_SHIPPED = ("workers.lead_routing.scoring", "schemas")


def load_schema(source: Path | str) -> Schema:
    """Read a schema file; a bare name (``sales_leads``) means one shipped with Fairlead.

    Raises:
        SchemaError: if it is missing, is no YAML, or contradicts itself.
    """
    text = shipped.read(source, *_SHIPPED)
    if text is None:
        raise SchemaError(
            f"there is no schema {str(source)!r}; give a YAML file or one of: {', '.join(shipped_schemas())}"
        )
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SchemaError(f"{source} is not valid YAML: {error}") from error
    return parse_schema(data, str(source))


def shipped_schemas() -> list[str]:
    """Names of the schemas that come with Fairlead."""
    return shipped.names(*_SHIPPED)
