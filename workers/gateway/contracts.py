"""What clients send: shape and types only. Whether a lead makes sense is the process's matter, and a person's."""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
)

from workers.gateway.problems import Fault

MAX_ATTRIBUTES = 100
_LARGEST_INTEGER = 2**63 - 1
_WRITTEN_OUT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEARS = range(1900, 2200)


def _storable(text: str) -> str:
    """PostgreSQL can hold neither U+0000 nor half of a surrogate pair."""
    if "\x00" in text:
        raise ValueError("must not contain the character U+0000")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("contains half of a surrogate pair, which is no character")
    return text


def _identity(text: str) -> str:
    stripped = text.strip()
    if not stripped:
        raise ValueError("must not be blank")
    return stripped


_storable_text = AfterValidator(_storable)
_Text100 = Annotated[str, Field(strict=True, max_length=100), _storable_text]
Text200 = Annotated[str, Field(strict=True, max_length=200), _storable_text]
_Text300 = Annotated[str, Field(strict=True, max_length=300), _storable_text]
Text500 = Annotated[str, Field(strict=True, max_length=500), _storable_text]
_Text5000 = Annotated[str, Field(strict=True, max_length=5_000), _storable_text]


def _flat(value: object) -> object:
    match value:
        case None | bool():
            return value
        case str() if len(value) <= 2_000:
            return _storable(value)
        case int() if abs(value) <= _LARGEST_INTEGER:
            return value
        case float() if math.isfinite(value):
            return value
        case str() | int() | float():
            raise ValueError("is too long or too large")
    raise ValueError("must be text, a number, true, false or null; attributes are flat")


def _written_out(value: object) -> object:
    """Else pydantic takes a number, also one that is written as text, for seconds since 1970."""
    if not isinstance(value, date) and not (isinstance(value, str) and _WRITTEN_OUT.match(value)):
        raise ValueError("must be written out, for instance 2026-03-01 or 2026-03-01T09:30:00+01:00")
    return value


def _thinkable(day: date) -> date:
    """At the ends of the calendar another offset from UTC is a year that neither Python nor PostgreSQL has."""
    if day.year not in _YEARS:
        raise ValueError(f"must lie in the years {_YEARS.start} to {_YEARS.stop - 1}")
    return day


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("needs an offset from UTC, for instance 2026-03-01T09:30:00+01:00")
    return moment


Day = Annotated[date, BeforeValidator(_written_out), AfterValidator(_thinkable)]
Moment = Annotated[datetime, BeforeValidator(_written_out), AfterValidator(_thinkable)]
"""A time, with or without an offset from UTC."""
AwareMoment = Annotated[Moment, AfterValidator(_aware)]
Identity = Annotated[str, Field(strict=True, max_length=200), _storable_text, AfterValidator(_identity)]
_Key = Annotated[str, Field(strict=True, min_length=1, max_length=100), _storable_text]
_Value = Annotated[
    str | int | float | bool | None, PlainValidator(_flat, json_schema_input_type=str | int | float | bool | None)
]


class LeadIn(BaseModel):
    """A lead as a sender gives it. Only `source` is required: what is missing or odd is mended in the process."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Identity = Field(description="Where the lead comes from, for instance `web_form`.")
    external_id: Identity | None = Field(
        default=None, description="The sender's id of this lead. The same source and external_id is the same lead."
    )
    name: _Text300 | None = None
    email: Text500 | None = None
    phone: _Text100 | None = None
    company: _Text300 | None = None
    website: Text500 | None = None
    domain: _Text300 | None = None
    country: _Text100 | None = Field(default=None, description="Name or ISO 3166-1 code.")
    language: _Text100 | None = Field(default=None, description="Name or ISO 639-1 code.")
    industry: Text200 | None = None
    employees: Annotated[int, Field(strict=True, ge=0, le=100_000_000)] | None = None
    annual_revenue_eur: Annotated[float, Field(strict=True, ge=0, le=1e15, allow_inf_nan=False)] | None = None
    product: Text200 | None = None
    job_level: _Text100 | None = None
    channel: _Text100 | None = None
    message: _Text5000 | None = None
    attributes: Annotated[dict[_Key, _Value], Field(max_length=MAX_ATTRIBUTES)] = Field(
        default_factory=dict, description="Anything else the scorer may want to know; flat."
    )


class Withdrawal(BaseModel):
    """Why a lead is withdrawn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    why: Text500 = Field(min_length=1, description="Shown in the timeline; no personal data.")


class Outcome(BaseModel):
    """What became of a lead: the label the scorer learns from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    converted: Annotated[bool, Field(strict=True)]
    at: AwareMoment | None = Field(
        default=None, description="When it was known; default: now. With an offset from UTC."
    )


def faults(error: ValidationError) -> list[Fault]:
    """What is wrong, field by field, without repeating what was sent."""
    found: dict[str, str] = {}
    for item in error.errors(include_input=False, include_url=False):
        # "[key]" says that the key itself is at fault; that is no place in the document.
        pointer = "#" + "".join("/" + _escape(part) for part in item["loc"] if part != "[key]")
        found.setdefault(pointer, _detail(error.title, str(item["type"]), str(item["msg"])))
    return [Fault(pointer=pointer, detail=detail) for pointer, detail in found.items()]


def _escape(part: int | str) -> str:
    return str(part).replace("~", "~0").replace("/", "~1").encode("utf-8", "replace").decode()


def _detail(model: str, kind: str, message: str) -> str:
    if kind == "extra_forbidden" and model == LeadIn.__name__:
        return "is not a field of a lead; put what the scorer should know into attributes"
    if kind in {"model_type", "model_attributes_type"}:
        return "must be an object"
    return message.removeprefix("Value error, ")
