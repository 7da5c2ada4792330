"""What SAP can be told of a lead."""

from __future__ import annotations

from tests.unit.connectors.sap.conftest import LEAD
from workers.connectors.sap.mapping import external_id, known


def test_ids_fit_and_differ() -> None:
    ids = {external_id(f"lead-{number:032x}") for number in range(1000)}
    assert len(ids) == 1000
    assert all(len(one) == 20 and one == one.upper() and one.isalnum() for one in ids)


def test_odd_leads_are_known_as_far_as_they_go() -> None:
    assert known({"phone": "12", "language": None, "attributes": {"a": True, "b": " ", "c": {}, "d": 1.5}}) == {
        "phone": "12",
        "attributes.d": "1.5",
    }
    assert known({**LEAD, "name": "Prince"})["last_name"] == "Prince"
    assert "first_name" not in known({"name": "Prince"})
