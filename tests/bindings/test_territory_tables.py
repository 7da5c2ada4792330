"""The decision tables of territory alignment have neither gaps nor answers that the process does not know."""

from __future__ import annotations

from itertools import product

from pydantic import TypeAdapter

from tests.bindings.conftest import Tables
from tests.bindings.territory_cases import changes, collected, version
from workers.territory_alignment.tasks.prepare_data_decision import DataVerdict
from workers.territory_alignment.tasks.prepare_look import LookRule
from workers.territory_alignment.tasks.record_approval import ApprovalRule


async def test_the_data_verdict_is_always_one_that_the_process_knows(tables: Tables) -> None:
    grid = [
        collected(usable=usable, unknown_reps=unknown, share_left_out=share, rules_left_out=rules)
        for usable, unknown, share, rules in product([True, False], [[], ["R9"]], [0.0, 0.01, 0.9], [0, 3])
    ]
    for answer in await tables.all("territory_data_verdict", grid):
        assert TypeAdapter(DataVerdict).validate_python(answer.output).why


async def test_whatever_changes_there_is_an_answer_and_more_never_needs_less(tables: Tables) -> None:
    shares = [0.0, 0.04, 0.06, 0.31, 1.0]
    for live, gap, keys in product([True, False], [None, 0.0, 0.2], [0, 1]):
        grid = [
            changes(live=live, gap=gap, key_accounts_moved=keys, changed_share=share, potential_share=share)
            for share in shares
        ]
        looks = [TypeAdapter(LookRule).validate_python(one.output) for one in await tables.all("territory_look", grid)]
        assert all(one.why for one in looks)
        assert sorted(one.review for one in looks) == [one.review for one in looks]
        levels = ["none", "director", "finance"]
        grid = [
            version(live=live, gap=gap, key_accounts_moved=keys, changed_share=share, potential_share=share)
            for share in shares
        ]
        rules = [
            TypeAdapter(ApprovalRule).validate_python(one.output)
            for one in await tables.all("territory_approval", grid)
        ]
        heights = [levels.index(one.level) for one in rules]
        assert heights == sorted(heights)
        assert all(one.group.startswith("sales-") == (one.level != "none") for one in rules)
