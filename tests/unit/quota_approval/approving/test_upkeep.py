"""What counts as a change of what quotas were planned from, and for whom."""

from __future__ import annotations

import pytest

from workers.quota_approval.domain.upkeep import due_adjustment, expectations, movements


def _tables(north: str = "100", a1: str = "30", segment: str = "north") -> dict[str, list[dict[str, str]]]:
    return {
        "reps": [{"period": "2027", "rep": rep} for rep in ("a1", "a2", "b1")] + [{"period": "2026", "rep": "old"}],
        "territories": [
            {"period": "2027", "rep": rep, "segment": where, "potential": potential}
            for rep, where, potential in (("a1", segment, a1), ("a2", "north", "60"), ("", "north", "10"),
                                          ("b1", "south", "5"), ("stranger", "south", "5"))
        ],
        "forecast": [
            {"period": period, "segment": segment, "value": value}
            for period, segment, value in (("2027", "north", north), ("2027", "north", north), ("2027", "south", "40"),
                                           ("2026", "south", "999"), ("2027", "south", "-7"), ("2027", "south", "x"))
        ],
    }  # fmt: skip


def test_a_segment_s_forecast_is_shared_by_potential_vacant_territories_included() -> None:
    assert expectations(_tables(), "2027") == {"a1": 60.0, "a2": 120.0, "b1": 20.0}


def test_rows_that_cannot_be_used_count_nothing() -> None:
    assert expectations(_tables(a1="many"), "2027")["a1"] == 0.0
    assert expectations(_tables(a1="nan"), "2027")["a1"] == 0.0
    assert expectations({}, "2027") == {}


def test_only_who_moved_so_much_is_concerned() -> None:
    before, now = expectations(_tables(), "2027"), expectations(_tables(north="120", a1="20"), "2027")
    moved = movements(before, now)
    assert moved == pytest.approx({"a1": -11.1, "a2": 33.3, "b1": 0.0}, abs=0.1)
    due = due_adjustment("field", "2027", moved, 20)
    assert due is not None
    assert (due.concerned, due.change_percent) == (("a2",), 33.3)
    assert due_adjustment("field", "2027", moved, 34) is None


def test_from_nothing_and_to_nothing_are_whole_changes() -> None:
    assert movements({"a": 0.0, "b": 5.0, "c": 0.0}, {"a": 5.0, "b": 0.0, "c": 0.0, "d": 1.0}) == {
        "a": 100.0,
        "b": -100.0,
        "d": 100.0,
    }
