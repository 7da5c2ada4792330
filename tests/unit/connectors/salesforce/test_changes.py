"""What an event of Change Data Capture says, and what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.simulators.salesforce.bus import Bus
from tests.simulators.salesforce.door import Door
from tests.simulators.salesforce.org import Org
from workers.connectors.salesforce import changes
from workers.connectors.salesforce.changes import Change, Unreadable

TEXT = ["null", "string"]
SCHEMA: dict[str, Any] = {
    "fields": [
        {"name": "ChangeEventHeader", "type": "string"},
        {"name": "Name", "type": ["null", "string", {"type": "record", "name": "N", "fields": [
            {"name": "FirstName", "type": TEXT}, {"name": "LastName", "type": TEXT}]}]},
        *({"name": f"F{number}", "type": TEXT} for number in range(2, 10)),
    ]
}  # fmt: skip


@pytest.mark.parametrize(
    ("bitmaps", "named"),
    [
        (["0x4"], {"F2"}),
        (["0x204", "1-0x02"], {"F2", "F9", "Name", "LastName"}),
        (["1-0x3"], {"Name", "FirstName", "LastName"}),
        (["0x02"], {"Name", "FirstName", "LastName"}),
        ([], None),
        (["0x400"], None),  # no such field: of another schema?
        (["9-0x1"], None),
        (["77-0x1"], None),
        (["Phone"], None),
        ([7], None),
    ],
)
def test_bitmaps_name_fields(bitmaps: list[str], named: set[str] | None) -> None:
    assert changes._fields(SCHEMA, bitmaps) == named


@pytest.mark.parametrize(
    ("kind", "fields", "touches"),
    [
        ("UPDATE", {"City"}, False),
        ("UPDATE", {"Phone", "City"}, True),
        ("UPDATE", None, True),
        ("GAP_UPDATE", {"City"}, True),
        ("DELETE", None, True),
    ],
)
def test_an_update_of_other_fields_is_none_of_ours(kind: str, fields: set[str] | None, touches: bool) -> None:
    change = Change("Lead", kind, ("00Q",), None if fields is None else frozenset(fields))
    assert change.touches(frozenset({"Phone"})) is touches


def test_an_event_is_read_by_its_schema() -> None:
    bus = Bus(Org(), Door())
    bus.org.tell = None
    lead = bus.org.put("Lead", LastName="Ruiz", Company="Acme", NumberOfEmployees=7)
    bus.send("Lead", "UPDATE", [lead["Id"]], lead, {"LastName", "Company", "Country"}, "com/salesforce/ui")
    sent = [one.payload for one in bus.kept.values()]
    schema = changes.parsed(json.dumps(bus.schema_of("Lead")[1]))
    assert changes.read(schema, sent[0]) == Change(
        "Lead", "UPDATE", (lead["Id"],), frozenset({"Name", "LastName", "Company", "Address", "Country"})
    )
    for odd in (b"", sent[0][:20], b"\xff" * 50, b"\x00" * 200):
        with pytest.raises(Unreadable):
            changes.read(schema, odd)


@pytest.mark.parametrize("schema", ["", "{}", "[]", '"string"', '{"type": "record"}', '{"type": "x", "fields": []}'])
def test_a_schema_that_is_none(schema: str) -> None:
    with pytest.raises(Unreadable):
        changes.parsed(schema)
