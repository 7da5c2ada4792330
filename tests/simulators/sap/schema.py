"""What the service has, read from its `$metadata`; and whether a value may stand there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tests.simulators.sap.problems import Problem

Json = dict[str, Any]
EDMX = Path(__file__).parents[3].parent / "shared" / "contracts" / "API_BUSINESS_PARTNER.edmx"

_EDM = "{http://schemas.microsoft.com/ado/2008/09/edm}"
_SAP = "{http://www.sap.com/Protocols/SAPData}"

_FORMS: dict[str, Callable[[Any], bool]] = {
    "Edm.String": lambda value: isinstance(value, str),
    "Edm.Boolean": lambda value: isinstance(value, bool),
    "Edm.DateTime": lambda value: isinstance(value, str) and bool(re.fullmatch(r"/Date\(-?\d+\)/", value)),
    "Edm.DateTimeOffset": lambda value: (
        isinstance(value, str) and bool(re.fullmatch(r"/Date\(-?\d+[+-]\d{4}\)/", value))
    ),
    "Edm.Time": lambda value: isinstance(value, str) and bool(re.fullmatch(r"PT\d{2}H\d{2}M\d{2}S", value)),
    "Edm.Guid": lambda value: isinstance(value, str) and bool(re.fullmatch(r"[0-9a-fA-F-]{36}", value)),
    "Edm.Int16": lambda value: isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**15,
    "Edm.Decimal": lambda value: isinstance(value, str) and bool(re.fullmatch(r"-?\d+(\.\d+)?", value)),
}
_EMPTY: dict[str, Any] = {"Edm.String": "", "Edm.Boolean": False}


@dataclass(frozen=True)
class Property:
    name: str
    type: str
    nullable: bool
    length: int | None
    creatable: bool
    updatable: bool
    upper: bool

    @property
    def empty(self) -> Any:
        return _EMPTY.get(self.type)

    def taken(self, value: Any) -> Any:
        """The value as it is kept.

        Raises:
            Problem: it can't stand here.
        """
        if value is None and self.nullable:
            return self.empty
        if self.type not in _FORMS or not _FORMS[self.type](value):
            raise Problem(
                400, "CX_SXML_PARSE_ERROR/000", f"Property '{self.name}' has invalid value '{value}'", self.name
            )
        if self.length is not None and len(value) > self.length:
            raise Problem(400, "/IWBEP/CM_MGW_RT/005", f"Value '{value}' is too long for '{self.name}'", self.name)
        return value.upper() if self.upper and isinstance(value, str) else value


@dataclass(frozen=True)
class Kind:
    """An entity set, and the type of what is in it."""

    name: str
    type: str
    keys: tuple[str, ...]
    properties: dict[str, Property]
    ways: dict[str, str]
    """Navigation property → the set where it leads."""
    creatable: bool
    updatable: bool
    deletable: bool
    stamp: str | None
    """The property that says its version (ConcurrencyMode)."""


@cache
def load(content: bytes) -> dict[str, Kind]:
    """The sets of a service."""
    root = ElementTree.fromstring(content)
    [schema] = root.iter(f"{_EDM}Schema")
    space = f"{schema.get('Namespace')}."
    types = {f"{space}{one.get('Name')}": one for one in schema.findall(f"{_EDM}EntityType")}
    sets = {str(one.get("EntityType")): one for one in schema.iter(f"{_EDM}EntitySet")}
    ends = {
        f"{space}{one.get('Name')}": {end.get("Role"): str(end.get("Type")) for end in one.findall(f"{_EDM}End")}
        for one in schema.findall(f"{_EDM}Association")
    }
    found = {}
    for name, one in sets.items():
        kind = types[name]
        ways = {
            str(way.get("Name")): ends[str(way.get("Relationship"))][way.get("ToRole")]
            for way in kind.findall(f"{_EDM}NavigationProperty")
        }
        found[str(one.get("Name"))] = Kind(
            str(one.get("Name")),
            name,
            tuple(str(part.get("Name")) for part in kind.findall(f"{_EDM}Key/{_EDM}PropertyRef")),
            {str(part.get("Name")): _property(part) for part in kind.findall(f"{_EDM}Property")},
            {way: str(sets[to].get("Name")) for way, to in ways.items() if to in sets},
            *(_yes(one, right) for right in ("creatable", "updatable", "deletable")),
            next((part.get("Name") for part in kind.iter(f"{_EDM}Property") if part.get("ConcurrencyMode")), None),
        )
    return found


def _property(part: ElementTree.Element) -> Property:
    return Property(
        str(part.get("Name")),
        str(part.get("Type")),
        part.get("Nullable") != "false",
        int(part.get("MaxLength", "0")) or None,
        _yes(part, "creatable"),
        _yes(part, "updatable"),
        part.get(f"{_SAP}display-format") == "UpperCase" and part.get("Type") == "Edm.String",
    )


def _yes(part: ElementTree.Element, right: str) -> bool:
    return part.get(_SAP + right) != "false"
