"""What counts when our book and the CRM say different things of a lead."""

from __future__ import annotations

import pytest

from workers.connectors import mapping
from workers.connectors.hubspot.mapping import FieldMapping
from workers.connectors.records import Record
from workers.connectors.sync import judging
from workers.connectors.sync.judging import Rule

NEWEST = Rule("newest", writable=True, keeps=True)
ASK = Rule("ask", writable=True, keeps=True)
READ_ONLY = Rule("newest", writable=False, keeps=False)
NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("rule", "base", "ours", "theirs", "newer", "became"),
    [
        (NEWEST, {"phone": "1"}, "1", "2", False, "take"),  # only they changed it
        (NEWEST, {"phone": "1"}, "2", "1", True, "give"),  # only we did
        (NEWEST, {"phone": "1"}, "1", None, False, "take"),  # cleared there
        (NEWEST, {"phone": "1"}, "2", "3", True, "take"),
        (NEWEST, {"phone": "1"}, "2", "3", False, "give"),
        (ASK, {"phone": "1"}, "2", "3", True, "ask"),
        (ASK, {"phone": "1"}, "2", "1", True, "give"),  # a change of one side is no conflict
        (Rule("ours", writable=True, keeps=False), {"phone": "1"}, "1", "2", True, "give"),
        (Rule("theirs", writable=True, keeps=False), {"phone": "1"}, "2", "1", False, "take"),
        (NEWEST, {}, None, "2", False, "take"),  # they meet for the first time
        (NEWEST, {}, "2", None, True, "give"),
        (NEWEST, {}, "1", "2", False, "take"),  # what people have filled in stays
        (Rule("newest", writable=True, keeps=False), {}, "1", "2", False, "give"),
        (READ_ONLY, {"phone": "1"}, "2", "1", False, None),  # nothing of ours goes there
        (READ_ONLY, {"phone": "1"}, "2", "3", False, "take"),
        (READ_ONLY, {}, "1", None, True, None),
    ],
)
def test_one_field(
    rule: Rule, base: dict[str, str | None], ours: str | None, theirs: str | None, newer: bool, became: str | None
) -> None:
    here = {"phone": ours, "email": "a@acme.es"}
    there = {"phone": theirs, "email": "a@acme.es"}
    verdict = judging.judge({"phone": rule}, base, here, there, unusable=NONE, theirs_newer=newer)
    assert [name for name in ("take", "give", "ask") if getattr(verdict, name)] == ([became] if became else [])


def test_a_change_that_leaves_nobody_to_reach_is_for_a_person() -> None:
    here = {"email": "a@acme.es", "phone": None}
    rules = {"email": NEWEST, "phone": NEWEST}
    verdict = judging.judge(rules, here, here, {"email": None, "phone": None}, unusable=NONE, theirs_newer=True)
    assert verdict.take == {}
    assert verdict.ask == {"email": ("a@acme.es", None)}


def test_spellings_are_no_differences_and_what_is_written_badly_is_left_alone() -> None:
    fields = mapping.load(FieldMapping, None)
    record = Record("1", {"email": "ANA@Acme.es", "firstname": "ana", "lastname": "RUIZ", "country": "Spain",
                          "phone": "612 34 56 78"})  # fmt: skip
    there, unusable = judging.theirs(fields, record)
    assert (there["email"], there["country"]) == ("ana@acme.es", "ES")
    assert there["phone"] == "+34612345678"
    assert unusable == NONE
    _, unusable = judging.theirs(fields, Record("1", {"email": "no address", "lastname": "Ruiz"}))
    assert unusable == {"email"}
    given = judging.properties(fields, {"name": "Ana María Ruiz", "phone": None, "country": "ES"})
    assert given == {"firstname": "Ana María", "lastname": "Ruiz", "phone": "", "country": "ES"}


def test_equal_sides_have_the_same_digest() -> None:
    assert judging.digest({"a": "1", "b": None}, "ana") == judging.digest({"b": None, "a": "1"}, "ana")
    assert judging.digest({"a": "1"}, "ana") != judging.digest({"a": "1"}, "zoe")
