"""Keys in addresses and conditions of `$filter`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.simulators.sap.problems import Problem
from tests.simulators.sap.schema import Json, Kind

Holds = Callable[[Json], bool]

_TOKEN = re.compile(
    r"\s*((?:datetimeoffset|datetime|guid|time)?'(?:[^']|'')*'|[A-Za-z_][A-Za-z0-9_]*|-?\d+(?:\.\d+)?[mMlLdDfF]?|[(),])"
)
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda one, other: bool(one == other),
    "ne": lambda one, other: bool(one != other),
    "gt": lambda one, other: bool(one > other),
    "ge": lambda one, other: bool(one >= other),
    "lt": lambda one, other: bool(one < other),
    "le": lambda one, other: bool(one <= other),
}
_PREFIXES = {"Edm.DateTime": "datetime", "Edm.DateTimeOffset": "datetimeoffset", "Edm.Guid": "guid", "Edm.Time": "time"}


def wrong(where: str) -> Problem:
    return Problem(400, "/IWBEP/CM_MGW_RT/176", f"Invalid filter or key: '{where}'")


def value_of(token: str, type_: str) -> Any:
    """A literal's value; its form must be that of the type."""
    if type_ == "Edm.Boolean" and token in {"true", "false"}:
        return token == "true"
    if type_ in {"Edm.Int16", "Edm.Decimal"} and re.fullmatch(r"-?\d+(\.\d+)?m?", token):
        return int(token) if type_ == "Edm.Int16" else token.rstrip("m")
    prefix = _PREFIXES.get(type_, "")
    if (
        type_ != "Edm.Boolean"
        and token.startswith(f"{prefix}'")
        and token.endswith("'")
        and len(token) > len(prefix) + 1
    ):
        return token[len(prefix) + 1 : -1].replace("''", "'")
    raise wrong(token)


def key_of(kind: Kind, inside: str) -> tuple[Any, ...]:
    """The key between the parentheses of an address."""
    if "=" not in re.sub(r"'(?:[^']|'')*'", "", inside):
        if len(kind.keys) != 1:
            raise wrong(inside)
        return (value_of(inside, kind.properties[kind.keys[0]].type),)
    given = {}
    for part in re.findall(r"(?:[^',]|'(?:[^']|'')*')+", inside):
        name, _, literal = part.partition("=")
        if name.strip() not in kind.keys:
            raise wrong(inside)
        given[name.strip()] = value_of(literal.strip(), kind.properties[name.strip()].type)
    if given.keys() != set(kind.keys):
        raise wrong(inside)
    return tuple(given[name] for name in kind.keys)


def condition(kind: Kind, text: str) -> Holds:
    """What `$filter` asks for."""
    tokens, at = [], 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None:
            raise wrong(text)
        tokens.append(found[1])
        at = found.end()
    parser = _Parser(kind, tokens, text)
    holds = parser.any_of()
    if parser.left:
        raise wrong(text)
    return holds


def millis(value: str) -> int:
    """Of ``/Date(…)/``."""
    return int(re.sub(r"^/Date\((-?\d+).*", r"\1", value))


class _Parser:
    def __init__(self, kind: Kind, tokens: list[str], text: str) -> None:
        self.kind, self.left, self.text = kind, tokens, text

    def next(self, expected: str | None = None) -> str:
        if not self.left or (expected is not None and self.left[0] != expected):
            raise wrong(self.text)
        return self.left.pop(0)

    def any_of(self) -> Holds:
        parts = [self.all_of()]
        while self.left and self.left[0] == "or":
            self.next()
            parts.append(self.all_of())
        return lambda one: any(part(one) for part in parts)

    def all_of(self) -> Holds:
        parts = [self.one()]
        while self.left and self.left[0] == "and":
            self.next()
            parts.append(self.one())
        return lambda one: all(part(one) for part in parts)

    def one(self) -> Holds:
        token = self.next()
        if token == "(":
            inside = self.any_of()
            self.next(")")
            return inside
        if token == "not":
            inside = self.one()
            return lambda one: not inside(one)
        if token in {"startswith", "endswith", "substringof"}:
            return self.function(token)
        operator = _COMPARED.get(self.next())
        if token not in self.kind.properties or operator is None:
            raise wrong(self.text)
        kind = self.kind.properties[token].type
        value = value_of(self.next(), kind)
        if kind in {"Edm.DateTime", "Edm.DateTimeOffset"}:
            at = datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp() * 1_000
            return lambda one: one[token] is not None and operator(millis(one[token]), at)
        return lambda one: operator(one[token], value)

    def function(self, name: str) -> Holds:
        self.next("(")
        first = self.next()
        self.next(",")
        second = self.next()
        self.next(")")
        if self.left[:1] == ["eq"]:
            self.next()
            self.next("true")
        field, literal = (second, first) if name == "substringof" else (first, second)
        if field not in self.kind.properties:
            raise wrong(self.text)
        value = value_of(literal, "Edm.String")
        if name == "startswith":
            return lambda one: str(one[field]).startswith(value)
        if name == "endswith":
            return lambda one: str(one[field]).endswith(value)
        return lambda one: value in str(one[field])
