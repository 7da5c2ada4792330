"""A service's ``$metadata``: which entities there are, their properties, and what may be done with them.

https://www.odata.org/documentation/odata-version-2-0/overview/ (CSDL); the annotations ``sap:``, of which those that are
not there mean yes: https://wiki.scn.sap.com/wiki/display/EmTech/SAP+Annotations+for+OData+Version+2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

from workers.connectors.answers import SystemDown

_SAP = "{http://www.sap.com/Protocols/SAPData}"


@dataclass(frozen=True, slots=True)
class Property:
    """A property of an entity."""

    name: str
    type: str
    """As ``Edm.String``."""
    nullable: bool
    max_length: int | None
    """Characters; None: no limit is told."""
    creatable: bool
    updatable: bool
    filterable: bool


@dataclass(frozen=True, slots=True)
class EntitySet:
    """A set of entities of one type."""

    name: str
    creatable: bool
    updatable: bool
    keys: tuple[str, ...]
    properties: Mapping[str, Property]
    children: Mapping[str, str]
    """Navigation property → the type of what is there."""
    type: str


def parse(content: bytes) -> dict[str, EntitySet]:
    """The entity sets of a service, by their names.

    Raises:
        SystemDown: it is no $metadata.
    """
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 - expat reads no other files and limits what entities grow to
    except ElementTree.ParseError:
        raise SystemDown("SAP's $metadata is no XML.") from None
    ends = {
        f"{schema.get('Namespace')}.{association.get('Name')}": {
            end.get("Role"): str(end.get("Type")) for end in association.iterfind("{*}End")
        }
        for schema in root.iter()
        if schema.tag.endswith("}Schema")
        for association in schema.iterfind("{*}Association")
    }
    types = {
        f"{schema.get('Namespace')}.{one.get('Name')}": one
        for schema in root.iter()
        if schema.tag.endswith("}Schema")
        for one in schema.iterfind("{*}EntityType")
    }
    found = {}
    for one in root.iter():
        kind = types.get(str(one.get("EntityType"))) if one.tag.endswith("}EntitySet") else None
        if kind is not None:
            found[str(one.get("Name"))] = _entity_set(one, kind, ends)
    if not found:
        raise SystemDown("SAP's $metadata names no entity sets.")
    return found


def _entity_set(
    one: ElementTree.Element, kind: ElementTree.Element, ends: Mapping[str, Mapping[str | None, str]]
) -> EntitySet:
    return EntitySet(
        name=str(one.get("Name")),
        creatable=_yes(one, "creatable"),
        updatable=_yes(one, "updatable"),
        keys=tuple(str(part.get("Name")) for part in kind.iterfind("{*}Key/{*}PropertyRef")),
        properties={str(part.get("Name")): _property(part) for part in kind.iterfind("{*}Property")},
        children={
            str(part.get("Name")): ends.get(str(part.get("Relationship")), {}).get(part.get("ToRole"), "")
            for part in kind.iterfind("{*}NavigationProperty")
        },
        type=str(one.get("EntityType")),
    )


def _property(part: ElementTree.Element) -> Property:
    length = part.get("MaxLength", "")
    return Property(
        name=str(part.get("Name")),
        type=str(part.get("Type")),
        nullable=part.get("Nullable") != "false",
        max_length=int(length) if length.isdigit() else None,
        creatable=_yes(part, "creatable"),
        updatable=_yes(part, "updatable"),
        filterable=_yes(part, "filterable"),
    )


def _yes(part: ElementTree.Element, annotation: str) -> bool:
    return part.get(_SAP + annotation) != "false"
