"""The signed trail: no row can be changed, put in, left out or moved."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from workers.quota_approval.domain.trail import Entry, broken_at, mac_of

SECRET = b"of this test alone"
AT = datetime(2027, 1, 4, 9, tzinfo=UTC)


def chain(*actors: str) -> list[Entry]:
    found: list[Entry] = []
    for number, actor in enumerate(actors, 1):
        before = found[-1].mac if found else ""
        seen = {"quota": 5_700_000, "odds": 0.57}
        mac = mac_of(SECRET, before, "field-1", number, "a1", "decided", actor, AT, seen)
        found.append(Entry(number, "a1", "decided", actor, AT, seen, mac))
    return found


def test_what_was_written_holds() -> None:
    assert broken_at(SECRET, "field-1", chain("mona", "dora", "fina")) is None
    assert broken_at(SECRET, "field-1", []) is None


@pytest.mark.parametrize("change", [{"actor": "eve"}, {"seen": {"quota": 1}}, {"node": "a2"}, {"action": "opened"}])
def test_a_changed_row_is_found(change: dict[str, object]) -> None:
    rows = chain("mona", "dora", "fina")
    rows[1] = replace(rows[1], **change)  # type: ignore[arg-type]  # one field of each kind
    assert broken_at(SECRET, "field-1", rows) == 2


def test_a_row_that_is_missing_put_in_or_moved_is_found() -> None:
    rows = chain("mona", "dora", "fina")
    assert broken_at(SECRET, "field-1", [rows[0], rows[2]]) == 2
    assert broken_at(SECRET, "field-1", [rows[0], replace(rows[0], number=2), rows[1], rows[2]]) == 2
    assert broken_at(SECRET, "field-1", [rows[1], rows[0]]) == 1


def test_another_review_or_secret_is_found() -> None:
    rows = chain("mona")
    assert broken_at(SECRET, "field-2", rows) == 1
    assert broken_at(b"another", "field-1", rows) == 1
