"""From a lead to the numbers a model reads, one lead at a time; no numpy, so that a worker stays light.

Rules for one value (`read_value`): null, the empty string, NaN and the schema's `missing` values are *missing*; a
value of a wrong type, or outside a closed list, is a *problem*: training refuses the row, scoring notes it and goes
on as if it were missing. A number beyond its bounds is clipped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from workers.lead_routing.scoring.errors import LeadError
from workers.lead_routing.scoring.schema import Feature, Schema

Value: TypeAlias = float | str | None
"""A number (booleans are 0.0 and 1.0), a category, or None for missing."""

_TRUE = {"true", "yes", "1"}
_FALSE = {"false", "no", "0"}
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Reading:
    """One value as read, and what was wrong with it, if anything."""

    value: Value
    problem: str | None = None


def find(lead: Mapping[str, object], path: str) -> object:
    """The value at a dotted path, or None; a key that itself contains dots is found too (``emp.var.rate``)."""
    found = _find(lead, path)
    return None if found is _ABSENT else found


def _find(lead: Mapping[str, object], path: str) -> object:
    if path in lead:
        return lead[path]
    start = path.find(".")
    while start != -1:
        below = lead.get(path[:start])
        if isinstance(below, Mapping):
            found = _find(below, path[start + 1 :])
            if found is not _ABSENT:
                return found
        start = path.find(".", start + 1)
    return _ABSENT


def read_feature(lead: Mapping[str, object], feature: Feature) -> Reading:
    """Read one feature from a lead or a row of a flat file."""
    for place in feature.places:
        raw = _find(lead, place)
        if raw is not _ABSENT and raw is not None:
            return read_value(feature, raw)
    return Reading(None)


def read_value(feature: Feature, raw: object) -> Reading:
    """Read one raw value; see the module's rules."""
    if isinstance(raw, str):
        raw = raw.strip()
    if raw is None or raw == "" or (isinstance(raw, float) and math.isnan(raw)):
        return Reading(None)
    if (
        feature.missing
        and not isinstance(raw, bool)
        and isinstance(raw, (str, int, float))
        and _means_missing(feature, raw)
    ):
        return Reading(None)
    match feature.kind:
        case "numeric":
            return _number(feature, raw)
        case "boolean":
            return _truth(raw)
        case "categorical":
            return _category(feature, raw)


def _means_missing(feature: Feature, raw: str | float) -> bool:
    if raw in feature.missing:
        return True
    if feature.kind != "numeric":
        return False
    try:
        return float(raw) in feature.missing
    except (ValueError, OverflowError):
        return False


def _number(feature: Feature, raw: object) -> Reading:
    number = math.inf
    if not isinstance(raw, bool) and isinstance(raw, (int, float, str)):
        with suppress(ValueError, OverflowError):
            number = float(raw)
    if math.isnan(number):
        return Reading(None)
    if math.isinf(number):
        return Reading(None, f"{_short(raw)} is not a number")
    if feature.min is not None and number < feature.min:
        return Reading(feature.min, f"{number:g} is below {feature.min:g} and counts as that")
    if feature.max is not None and number > feature.max:
        return Reading(feature.max, f"{number:g} is above {feature.max:g} and counts as that")
    return Reading(number)


def _truth(raw: object) -> Reading:
    word = str(raw).lower() if isinstance(raw, (bool, int, str)) else ""
    if word in _TRUE:
        return Reading(1.0)
    if word in _FALSE:
        return Reading(0.0)
    return Reading(None, f"{_short(raw)} is neither true nor false")


def _category(feature: Feature, raw: object) -> Reading:
    if isinstance(raw, bool) or not isinstance(raw, (str, int)):
        return Reading(None, f"{_short(raw)} is not a category")
    category = str(raw)
    if feature.categories != "open" and category not in feature.categories:
        return Reading(None, f"{_short(raw)} is not one of {', '.join(feature.categories)}")
    return Reading(category)


def _short(raw: object) -> str:
    text = repr(raw)
    return text if len(text) <= 60 else text[:57] + "…"


def shown(feature: Feature, value: Value) -> str:
    """A value as people read it, with its unit: ``1,200 EUR``, ``yes``, ``not known``."""
    if value is None:
        return "not known"
    if isinstance(value, str):
        return value
    if feature.kind == "boolean":
        return "yes" if value else "no"
    number = f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:,.4g}"
    return f"{number} {feature.unit}".rstrip()


class Encoder:
    """Turns a lead into one row of numbers; categories become their position in the vocabulary of the training rows.

    A category that was rare or never seen in training gets the one position after the vocabulary, "other".
    """

    def __init__(self, schema: Schema, vocabulary: Mapping[str, Sequence[str]]) -> None:
        self.schema = schema
        self.vocabulary = {name: tuple(words) for name, words in vocabulary.items()}
        self._codes = {name: {word: i for i, word in enumerate(words)} for name, words in self.vocabulary.items()}

    def encode(self, lead: Mapping[str, object]) -> tuple[list[float], list[Value], list[str]]:
        """One lead → (row of numbers with NaN for missing, values as read, notes on what could not be used).

        Raises:
            LeadError: if a required feature is missing or unreadable; names it.
        """
        row: list[float] = []
        values: list[Value] = []
        notes: list[str] = []
        for feature in self.schema.features:
            reading = read_feature(lead, feature)
            value = reading.value
            if value is None and feature.required:
                raise LeadError(
                    f"the lead cannot be scored: {feature.places[-1]!r} is required and "
                    f"{reading.problem or 'is missing'}"
                )
            if reading.problem is not None:
                notes.append(f"{feature.places[-1]}: {reading.problem}")
            values.append(value)
            row.append(self.code(feature, value))
        return row, values, notes

    def code(self, feature: Feature, value: Value) -> float:
        """The number that stands for a value."""
        if value is None:
            return math.nan
        if isinstance(value, str):
            codes = self._codes[feature.name]
            return float(codes.get(value, len(codes)))
        return value
