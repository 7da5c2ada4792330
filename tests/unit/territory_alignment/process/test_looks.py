"""Managers' edits, days and names as people type them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from workers.territory_alignment.domain.looks import Edit, EditRefused, Wish, check_note, edits_of, rules_of
from workers.territory_alignment.domain.organisation import day_of, midnight, names_of
from workers.territory_alignment.domain.release import involved

OWNERS = {"A1": "R1", "A2": "R2", "A3": ""}
REPS = ["R1", "R2"]


def test_edits_are_read_and_empty_rows_passed_over() -> None:
    wishes = [
        Wish("A1", "lock", "R2"),
        Wish(),
        Wish(" A2 ", "keep", None),
        Wish("A3", "forbid", "R1"),
        Wish("A3", None, "R2"),
    ]
    assert edits_of(wishes, OWNERS, REPS) == [
        Edit("A1", "lock", "R2"),
        Edit("A2", "keep", "R2"),
        Edit("A3", "forbid", "R1"),
        Edit("A3", "lock", "R2"),
    ]


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ([], "at least one account"),
        ([Wish(), Wish()], "at least one account"),
        ([Wish("A9", "lock", "R1")], "no account 'A9'"),
        ([Wish("A1", "lock", "R9")], "'R9', who is not in this plan"),
        ([Wish("A1", "lock", None)], "names nobody"),
        ([Wish("A3", "keep", None)], "no owner today"),
        ([Wish("A1", "lock", "R1"), Wish("A1", "lock", "R2")], "one rep only"),
        ([Wish("A1", "forbid", "R1"), Wish("A1", "lock", "R1")], "cannot be given to R1 and be forbidden"),
        ([Wish(f"A{n}", "lock", "R1") for n in range(10, 61)], "at most 50"),
    ],
)
def test_edits_that_cannot_be_say_why(wishes: list[Wish], said: str) -> None:
    with pytest.raises(EditRefused, match=said):
        edits_of(wishes, OWNERS | {f"A{n}": "R2" for n in range(10, 61)}, REPS)


def test_a_later_edit_replaces_one_that_contradicts_it() -> None:
    edits = [Edit("A1", "lock", "R1"), Edit("A1", "forbid", "R1"), Edit("A2", "forbid", "R1"), Edit("A2", "keep", "R1")]
    assert rules_of(edits) == ({"A2": "R1"}, {("A1", "R1")})
    assert rules_of([Edit("A1", "lock", "R1"), Edit("A1", "lock", "R2")]) == ({"A1": "R2"}, set())


def test_a_refusal_needs_a_reason() -> None:
    check_note("accept", "")
    check_note("refuse", "Two are ill.")
    with pytest.raises(EditRefused):
        check_note("refuse", "")


def test_days_are_those_of_the_organisation() -> None:
    now = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    assert day_of(None, now, "UTC") == date(2026, 12, 31)
    assert day_of("", now, "Europe/Berlin") == date(2027, 1, 1)
    assert day_of("2027-03-01", now, "UTC") == date(2027, 3, 1)
    assert day_of("2020-01-01", now, "UTC") == day_of("soon", now, "UTC") == date(2026, 12, 31)
    assert midnight(date(2027, 3, 1), "Europe/Berlin") == datetime(2027, 2, 28, 23, tzinfo=UTC)


def test_names_and_log_ins_are_read_as_people_type_them() -> None:
    assert names_of(" R1, R2  R1\n") == ("R1", "R2")
    assert names_of(None) == ()
    assert involved(" Sam", ["olga", "sam"])
    assert not involved("dora", ["olga", "sam"])
