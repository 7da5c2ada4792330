"""Events of Change Data Capture in Avro: a record's fields behind a header, and bitmaps that name them."""

from __future__ import annotations

import io
from typing import Any

import fastavro

from tests.simulators.salesforce.schema import Json

_AVRO = {"boolean": "boolean", "int": "int", "double": "double", "currency": "double", "datetime": "long"}
_PARTS = {"Name": ("FirstName", "LastName"), "Address": ("City", "Country")}
"""Fields that are parts of another one, in events."""
_TEXTS = {"type": "array", "items": "string"}
_KINDS = [
    "CREATE",
    "UPDATE",
    "DELETE",
    "UNDELETE",
    "GAP_CREATE",
    "GAP_UPDATE",
    "GAP_DELETE",
    "GAP_UNDELETE",
    "GAP_OVERFLOW",
]
_HEADER = {
    "type": "record",
    "name": "ChangeEventHeader",
    "fields": [
        {"name": "entityName", "type": "string"},
        {"name": "recordIds", "type": _TEXTS},
        {"name": "changeType", "type": {"type": "enum", "name": "ChangeType", "symbols": _KINDS}},
        {"name": "changeOrigin", "type": "string"},
        {"name": "transactionKey", "type": "string"},
        {"name": "sequenceNumber", "type": "int"},
        {"name": "commitTimestamp", "type": "long"},
        {"name": "commitNumber", "type": "long"},
        {"name": "commitUser", "type": "string"},
        *({"name": name, "type": _TEXTS} for name in ("nulledFields", "diffFields", "changedFields")),
    ],
}


def schema_of(kind: str, fields: Json) -> Json:
    parts = {name for names in _PARTS.values() for name in names} if kind == "Lead" else set()
    made: list[Json] = [{"name": "ChangeEventHeader", "type": _HEADER}]
    for name, names in (_PARTS if kind == "Lead" else {}).items():
        own = [{"name": one, "type": ["null", "string"]} for one in names]
        record = {"type": "record", "name": f"Parts_{name}", "fields": own}
        made.append({"name": name, "type": ["null", *(["string"] if name == "Name" else []), record]})
    made += [
        {"name": name, "type": ["null", _AVRO.get(one["type"], "string")]}
        for name, one in fields.items()
        if name not in parts | {"Id", "Name", "IsDeleted", "SystemModstamp"}
    ]
    return {"type": "record", "name": f"{kind}ChangeEvent", "namespace": "com.sforce.eventbus", "fields": made}


def event(schema: Json, header: Json, record: Json, told: set[str]) -> bytes:
    body = {one["name"]: value_of(one, record, told) for one in schema["fields"][1:]}
    made = io.BytesIO()
    fastavro.schemaless_writer(made, fastavro.parse_schema(schema), {"ChangeEventHeader": header, **body})
    return made.getvalue()


def bitmaps(schema: Json, changed: set[str]) -> list[str]:
    """The lowest bit is the first field; parts of a field have a bitmap of their own."""
    own, nested = 0, list[str]()
    for place, one in enumerate(schema["fields"]):
        names = _PARTS.get(one["name"], ())
        bits = sum(1 << number for number, name in enumerate(names) if name in changed)
        if bits:
            nested.append(f"{place}-0x{bits:02X}")
        elif one["name"] in changed and not names:
            own |= 1 << place
    return [f"0x{own:X}"] * bool(own) + nested


def value_of(field_: Json, record: Json, told: set[str]) -> Any:
    """What an event says of a field: nothing, if it did not change."""
    name = field_["name"]
    if name in _PARTS and len(field_["type"]) > 1 and any(isinstance(one, dict) for one in field_["type"]):
        parts = {one: record.get(one) for one in _PARTS[name] if one in told}
        return {one: parts.get(one) for one in _PARTS[name]} if parts else None
    value = record.get(name) if name in told else None
    if value is not None and "long" in field_["type"]:
        return int(value * 1_000)
    return value
