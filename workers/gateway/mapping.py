"""From the rows of somebody's file to leads: mapping files for `fairlead leads replay`.

A mapping is a YAML file; `workers/lead_routing/mappings/` holds the shipped ones. A template is text with
``{column}`` for a column's value and ``{row}`` for the row's number from 1; ``{row:06}`` fills up with zeros.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib import resources
from io import TextIOBase
from pathlib import Path
from typing import Annotated, Literal, cast

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

Scalar = str | int | float | bool
Kind = Literal["text", "integer", "number", "boolean"]

_HOLE = re.compile(r"\{([^{}]+?)(?::0(\d+))?\}")
_TRUE, _FALSE = {"true", "yes", "1"}, {"false", "no", "0"}


class MappingError(Exception):
    """The mapping or the file can't be used; the message says where and why."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileFormat(_Strict):
    """How to read the file."""

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"
    compression: Literal["auto", "none"] = "auto"
    """``auto``: by the file's name (.gz, .bz2, .xz)."""


class Place(_Strict):
    """Where a value comes from: a column, or a template."""

    column: str | None = None
    template: str | None = None
    type: Kind = "text"


class Attribute(_Strict):
    """An attribute of the lead."""

    column: str
    name: str | None = None
    """Default: the column's name."""
    type: Kind = "text"


class OutcomeColumn(_Strict):
    """The column that says whether the lead converted; any other value means: not known."""

    column: str
    positive: tuple[str, ...]
    negative: tuple[str, ...]


def _place(value: object) -> object:
    return {"template": value} if isinstance(value, str) else value


class LeadMapping(_Strict):
    """A mapping file."""

    name: str
    file: FileFormat = FileFormat()
    external_id: str = "row-{row}"
    constants: dict[str, Scalar]
    fields: dict[str, Annotated[Place, BeforeValidator(_place)]] = Field(default_factory=dict)
    attributes: tuple[Attribute, ...] = ()
    missing: tuple[str, ...] = ("",)
    """Values that mean: not there."""
    outcome: OutcomeColumn | None = None

    def columns(self) -> set[str]:
        """Every column that it reads."""
        templates = [self.external_id, *(place.template or "" for place in self.fields.values())]
        named = {hole.group(1) for template in templates for hole in _HOLE.finditer(template)} - {"row"}
        named |= {place.column for place in self.fields.values() if place.column}
        named |= {attribute.column for attribute in self.attributes}
        return named | ({self.outcome.column} if self.outcome else set())


@dataclass(frozen=True, slots=True)
class Row:
    """A row as a lead."""

    number: int
    """From 1, without the header."""
    lead: dict[str, object]
    converted: bool | None


def load(source: str) -> LeadMapping:
    """Read a mapping file; a bare name (``bank_marketing``) means a shipped one.

    Raises:
        MappingError: it is missing, no YAML, or not a mapping.
    """
    shipped = resources.files("workers.lead_routing") / "mappings"
    path = Path(source)
    try:
        text = (path if path.is_file() else shipped / f"{source}.yaml").read_text(encoding="utf-8")
        return LeadMapping.model_validate(yaml.safe_load(text))
    except FileNotFoundError:
        names = ", ".join(sorted(entry.name.removesuffix(".yaml") for entry in shipped.iterdir()))
        raise MappingError(f"There is no mapping {source}. Give a YAML file, or one of: {names}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MappingError(f"{source} is no valid YAML: {error}") from None
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise MappingError(f"{source} is no mapping: {faults}") from None


def rows(mapping: LeadMapping, file: Path) -> Iterator[Row]:
    """The leads of a file, in its order.

    Raises:
        MappingError: the file can't be read, lacks columns, or a value isn't of its type.
    """
    try:
        with closing(_open(mapping.file, file)) as stream:
            reader = csv.DictReader(stream, delimiter=mapping.file.delimiter)
            if missing := mapping.columns() - set(reader.fieldnames or ()):
                raise MappingError(f"{file.name} lacks the columns {', '.join(sorted(missing))} of {mapping.name}.")
            for number, values in enumerate(reader, start=1):
                yield _row(mapping, number, values)
    except (OSError, UnicodeDecodeError, csv.Error, EOFError, LookupError, lzma.LZMAError, zlib.error) as error:
        raise MappingError(f"{file} can't be read: {error}") from None


def _open(form: FileFormat, file: Path) -> TextIOBase:
    match file.suffix if form.compression == "auto" else "":
        case ".gz":
            return cast("TextIOBase", gzip.open(file, "rt", encoding=form.encoding, newline=""))
        case ".bz2":
            return cast("TextIOBase", bz2.open(file, "rt", encoding=form.encoding, newline=""))
        case ".xz":
            return cast("TextIOBase", lzma.open(file, "rt", encoding=form.encoding, newline=""))
        case _:
            return file.open(encoding=form.encoding, newline="")


def _row(mapping: LeadMapping, number: int, values: Mapping[str, str | None]) -> Row:
    lead: dict[str, object] = {**mapping.constants, "external_id": _fill(mapping.external_id, number, values)}
    for name, place in mapping.fields.items():
        text = values[place.column] if place.column else _fill(place.template or "", number, values)
        lead[name] = _typed(text, place.type, number, name, mapping.missing)
    lead["attributes"] = {
        attribute.name or attribute.column: _typed(
            values[attribute.column], attribute.type, number, attribute.column, mapping.missing
        )
        for attribute in mapping.attributes
    }
    converted = None
    if mapping.outcome is not None:
        said = values[mapping.outcome.column]
        converted = True if said in mapping.outcome.positive else False if said in mapping.outcome.negative else None
    return Row(number, lead, converted)


def _fill(template: str, number: int, values: Mapping[str, str | None]) -> str:
    def value(hole: re.Match[str]) -> str:
        text = str(number) if hole.group(1) == "row" else values[hole.group(1)] or ""
        return text.zfill(int(hole.group(2) or 0))

    return _HOLE.sub(value, template)


def _typed(text: str | None, kind: Kind, number: int, name: str, missing: tuple[str, ...]) -> Scalar | None:
    if text is None or text in missing:
        return None
    try:
        match kind:
            case "text":
                return text
            case "integer":
                return int(text)
            case "number":
                return float(text)
            case "boolean":
                return _truth(text)
    except ValueError:
        raise MappingError(f"Row {number}, {name}: {text[:40]!r} is not of the type {kind}.") from None


def _truth(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(text)
    return word in _TRUE
