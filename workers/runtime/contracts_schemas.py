"""Whether every value that one JSON Schema allows is allowed by another.

Scope: what pydantic writes for our models, which is types, `properties`/`required`/`additionalProperties`, `items`,
`prefixItems`, `enum`, `const`, `anyOf`/`oneOf`, `$ref` into `$defs`, and bounds. Any other keyword must be the same on
both sides. In doubt it finds a difference: it may refuse what would have gone well, not the other way round. Content is
open: a property that a schema doesn't name counts as absent there. What a schema can't say (a validator written in
Python, `AwareDatetime` against `datetime`) is not seen.

A library for this exists, IBM's jsonsubschema (Habib et al., ISSTA 2021); it answers yes or no without saying where,
refuses recursive references, and its manual asks for Python 3.8 and draft 4.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Schema = Mapping[str, Any]  # Any: JSON

Kind = Literal["missing", "gone", "value", "bound"]

_ANNOTATIONS = {"$schema", "$id", "$defs", "$comment", "title", "description", "default", "examples", "deprecated"}
_LOWER = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
_UPPER = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
_WALKED = {"type", "const", "properties", "required", "additionalProperties", "items", "prefixItems"}
_TYPES = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
_ANY_OF_TYPE = {
    "string": "any text",
    "integer": "any whole number",
    "number": "any number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a value that the giver allows is not allowed by the taker."""

    kind: Kind
    """``missing``: the taker requires what the giver may leave out. ``gone``: a property of the older schema that the
    newer lacks. ``value``: a kind of value. ``bound``: a limit or format."""
    path: str
    """Dotted; ``[]`` is an element of a list, ``*`` a key of a map."""
    what: str
    """The value or bound, in words; empty for a property."""


@dataclass(frozen=True, slots=True)
class Side:
    """A schema inside its document."""

    schema: Schema
    document: Schema

    def at(self, schema: object) -> Side:
        """Another schema of the same document; ``true`` allows anything, ``false`` nothing."""
        if isinstance(schema, bool):
            return Side({} if schema else {"anyOf": []}, self.document)
        assert isinstance(schema, Mapping)
        return Side(schema, self.document)

    def alternatives(self) -> list[Side]:
        """The schema as simple ones without references, of which a value fits at least one."""
        schema = self.schema
        if "$ref" in schema:
            return self.at(self.document["$defs"][schema["$ref"].removeprefix("#/$defs/")]).alternatives()
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return [simple for part in schema[keyword] for simple in self.at(part).alternatives()]
        if "enum" in schema:
            return [self.at({"const": value}) for value in schema["enum"]]
        if isinstance(schema.get("type"), list):
            return [self.at({**schema, "type": each}) for each in schema["type"]]
        return [self]

    @property
    def type(self) -> str | None:
        """The one JSON type of a simple schema; None: any."""
        if "const" in self.schema:
            return _TYPES[type(self.schema["const"])]
        found: str | None = self.schema.get("type")
        return found

    @property
    def is_map(self) -> bool:
        """Whether it says what values there may be under names that it doesn't list; ``{}`` is any."""
        return self.schema.get("additionalProperties", False) is not False

    @property
    def words(self) -> str:
        """What a simple schema allows."""
        if "const" in self.schema:
            return json.dumps(self.schema["const"], ensure_ascii=False)
        return "any value" if self.type is None else _ANY_OF_TYPE[self.type]


class Comparison:
    """Compares two documents. ``older_gives`` says whether the giver is the older one."""

    def __init__(self, giver: Schema, taker: Schema, *, older_gives: bool) -> None:
        self._giver = Side(giver, giver)
        self._taker = Side(taker, taker)
        self._older_gives = older_gives
        self._under_way: set[tuple[int, int]] = set()

    def differences(self) -> list[Difference]:
        """Everything that the giver allows and the taker doesn't; empty if the taker allows it all."""
        return list(self._compare(self._giver, self._taker, ""))

    def _compare(self, giver: Side, taker: Side, path: str) -> Iterator[Difference]:
        allowed = taker.alternatives()
        for given in giver.alternatives():
            yield from self._best(given, allowed, path)

    def _best(self, given: Side, allowed: list[Side], path: str) -> list[Difference]:
        """The differences from the alternative that is nearest to what is given."""
        found = [list(self._simple(given, each, path)) for each in allowed if _same_type(given, each)]
        if not found:
            return [Difference("value", path, given.words)]
        return min(found, key=len)

    def _simple(self, given: Side, allowed: Side, path: str) -> Iterator[Difference]:
        if "const" in allowed.schema:
            if "const" not in given.schema or not _equal(given.schema["const"], allowed.schema["const"]):
                yield Difference("value", path, given.words)
            return
        yield from self._bounds(given, allowed, path)
        pair = (id(given.schema), id(allowed.schema))
        if "const" in given.schema or pair in self._under_way:  # a recursive model is being compared already
            return
        self._under_way.add(pair)
        if allowed.type == "object":
            yield from self._object(given, allowed, path)
        elif allowed.type == "array":
            yield from self._array(given, allowed, path)
        self._under_way.remove(pair)

    def _bounds(self, given: Side, allowed: Side, path: str) -> Iterator[Difference]:
        for keyword, bound in allowed.schema.items():
            if keyword in _ANNOTATIONS | _WALKED:
                continue
            has = given.schema.get(keyword)
            within = has is not None and (
                has >= bound if keyword in _LOWER else has <= bound if keyword in _UPPER else _equal(has, bound)
            )
            if not within:
                yield Difference("bound", path, f"{keyword} {json.dumps(bound)}")

    def _object(self, given: Side, allowed: Side, path: str) -> Iterator[Difference]:
        gives, takes = given.schema.get("properties", {}), allowed.schema.get("properties", {})
        older, newer = (given, allowed) if self._older_gives else (allowed, given)
        gone = {
            name
            for name in older.schema.get("properties", {})
            if name not in newer.schema.get("properties", {}) and not newer.is_map
        }
        yield from (Difference("gone", _join(path, name), "") for name in sorted(gone))
        required = set(allowed.schema.get("required", ())) - set(given.schema.get("required", ())) - gone
        yield from (Difference("missing", _join(path, name), "") for name in sorted(required))
        further = allowed.schema.get("additionalProperties", True)
        for name in gives:
            if name in takes:
                yield from self._compare(given.at(gives[name]), allowed.at(takes[name]), _join(path, name))
            elif name not in gone:
                yield from self._compare(given.at(gives[name]), allowed.at(further), _join(path, name))
        if given.is_map:
            more = given.schema["additionalProperties"]
            yield from self._compare(given.at(more), allowed.at(further), _join(path, "*"))
            for name in sorted(takes.keys() - gives.keys()):
                yield from self._compare(given.at(more), allowed.at(takes[name]), _join(path, name))

    def _array(self, given: Side, allowed: Side, path: str) -> Iterator[Difference]:
        first, wanted = given.schema.get("prefixItems", []), allowed.schema.get("prefixItems", [])
        if len(first) != len(wanted):
            yield Difference("bound", path, f"{len(wanted)} fixed places")
            return
        for number, (one, other) in enumerate(zip(first, wanted, strict=True)):
            yield from self._compare(given.at(one), allowed.at(other), f"{path}[{number}]")
        rest, taken = given.schema.get("items", True), allowed.schema.get("items", True)
        if rest is not False:
            yield from self._compare(given.at(rest), allowed.at(taken), f"{path}[]")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _same_type(given: Side, allowed: Side) -> bool:
    return allowed.type in {None, given.type} or (given.type, allowed.type) == ("integer", "number")


def _equal(one: object, other: object) -> bool:
    # As JSON: true is not 1.
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
