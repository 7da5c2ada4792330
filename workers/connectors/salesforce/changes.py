"""Events of Change Data Capture: Avro by a schema that Salesforce names, of which the header says what changed.

https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_message_structure.htm
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import fastavro

Schema = Mapping[str, Any]  # Any: JSON

_ODD = (ValueError, LookupError, TypeError, AttributeError, EOFError, OverflowError, struct.error, RecursionError)
"""What reading bytes that are no Avro ends in."""


class Unreadable(Exception):
    """An event can't be read; its content is not repeated."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an event says of records."""

    entity: str
    """The kind of record."""
    kind: str
    """CREATE, UPDATE, DELETE, UNDELETE; the same after ``GAP_`` if Salesforce can't say more; GAP_OVERFLOW: of which records
    it can't say either."""
    record_ids: tuple[str, ...]
    fields: frozenset[str] | None
    """Names of fields that an update changed, of those that are part of another one both names; None: not told."""

    def touches(self, names: frozenset[str]) -> bool:
        """Whether it may be about one of these fields."""
        return self.kind != "UPDATE" or self.fields is None or not names.isdisjoint(self.fields)


def parsed(schema: str) -> dict[str, Any]:
    """A schema as Salesforce gave it.

    Raises:
        Unreadable: it is none.
    """
    try:
        found: Any = fastavro.parse_schema(json.loads(schema))
        found["fields"]
    except (*_ODD, fastavro.schema.SchemaParseException, fastavro.schema.UnknownType) as error:
        raise Unreadable("Salesforce's schema of its events can't be read") from error
    return dict(found)


def read(schema: dict[str, Any], payload: bytes) -> Change:
    """What an event says.

    Raises:
        Unreadable: it does not fit its schema, or its header names no record.
    """
    try:
        event: Any = fastavro.schemaless_reader(io.BytesIO(payload), schema, None)
        header = event["ChangeEventHeader"]
        entity, kind, ids = header["entityName"], header["changeType"], header["recordIds"]
        named = _fields(schema, header.get("changedFields") or ())
        change = Change(str(entity), str(kind), tuple(str(one) for one in ids), named)
    except _ODD as error:
        raise Unreadable("an event of Salesforce does not fit its schema") from error
    if not change.entity or not change.record_ids:
        raise Unreadable("an event of Salesforce names no record")
    return change


def _fields(schema: Schema, bitmaps: Sequence[str]) -> frozenset[str] | None:
    """The names that bitmaps mean: ``0x…`` of the record's own fields, ``n-0x…`` of the parts of the n-th; the lowest bit is
    the first field. None: there are none, or one can't be read.
    """
    if not bitmaps:
        return None
    found = set[str]()
    try:
        for bitmap in bitmaps:
            place, _, bits = bitmap.rpartition("-")
            if not place:
                for field in _set(schema["fields"], bits):
                    found |= {field["name"], *(part["name"] for part in _parts(field))}
            else:
                parent = schema["fields"][int(place)]
                found |= {parent["name"], *(part["name"] for part in _set(_parts(parent), bits))}
    except _ODD:
        return None
    return frozenset(found)


def _set(fields: Sequence[Schema], bits: str) -> Iterator[Schema]:
    number = int(bits, 16)
    if number >> len(fields):
        raise ValueError("it means fields that the schema does not have")
    return (field for place, field in enumerate(fields) if number >> place & 1)


def _parts(field: Schema) -> Sequence[Schema]:
    """The fields of which a field is made, as a name or an address; most have none."""
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    return next((kind["fields"] for kind in kinds if isinstance(kind, dict) and kind.get("type") == "record"), [])
