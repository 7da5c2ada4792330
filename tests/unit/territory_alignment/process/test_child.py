"""The solver in a process of its own: plans, clashes in words, limits, and an end with whoever asked."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from workers.territory_alignment.solving.clashing import Rule, find_clashes
from workers.territory_alignment.solving.frames import account_frame, rep_frame, rule_frame
from workers.territory_alignment.solving.loosening import without
from workers.territory_alignment.solving.order import Order
from workers.territory_alignment.solving.organisation import Organisation, Rules
from workers.territory_alignment.solving.plan import Plan
from workers.territory_alignment.solving.sample import sample_organisation

CHILD = [sys.executable, "-m", "workers.territory_alignment.solving.child"]


def order_of(organisation: Organisation, **changes: Any) -> Order:
    def rows(frame: pd.DataFrame) -> list[dict[str, str]]:
        cells = frame.astype(object).where(frame.notna(), "").astype(str)
        return [{str(name): str(cell) for name, cell in row.items()} for row in cells.to_dict("records")]

    return replace(
        Order(
            name="north",
            accounts=rows(account_frame(organisation)),
            reps=rows(rep_frame(organisation)),
            rules=rows(rule_frame(organisation)),
            weights={},
            seconds=3.0,
            memory_mb=2048,
        ),
        **changes,
    )


def ask(order: Order, before: bytes = b"") -> tuple[list[dict[str, Any]], bytes, bytes]:
    """What the child says, and the plan and the picture, if it made them."""
    with subprocess.Popen(CHILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(order.to_line(len(before)) + before)
        child.stdin.flush()
        said = []
        while line := child.stdout.readline():
            said.append(json.loads(line))
            if "size" in said[-1]:
                content = child.stdout.read(said[-1]["size"])
                return said, content, child.stdout.read(said[-1]["picture"])
        return said, b"", b""


@pytest.mark.slow
def test_a_plan_comes_with_its_picture_and_steps_and_is_adjusted_when_a_rep_leaves() -> None:
    organisation = sample_organisation(4, 60, 1)
    said, content, picture = ask(order_of(organisation))
    plan = Plan.from_bytes(content)
    assert picture.startswith(b"\x89PNG")
    assert {"stage", "seconds", "score", "bound"} <= said[0].keys()
    gone = plan.reps["rep"][0]
    _, content, _ = ask(order_of(organisation, leaving=[gone], published=True), plan.to_bytes())
    assert gone not in set(Plan.from_bytes(content).accounts["rep"])


@pytest.mark.slow
def test_clashes_are_told_in_words_and_a_dropped_rule_is_none() -> None:
    organisation = sample_organisation(4, 60, 1)
    industries = {one.industry for one in organisation.accounts}
    organisation = replace(organisation, rules=Rules(industry_skills={min(industries): frozenset({"welding"})}))
    (said,), content, _ = ask(order_of(organisation))
    assert (said["kind"], content) == ("rules", b"")
    assert "no rep has the skill welding" in said["error"]
    assert said["rules"] == [["skill", "welding", "Only reps with the skill welding get accounts that need it"]]
    _, content, _ = ask(order_of(organisation, dropped=[["skill", "welding"]]))
    assert len(Plan.from_bytes(content).accounts) == 60
    _, content, _ = ask(order_of(organisation, leave_out=True))
    assert 0 < len(Plan.from_bytes(content).accounts) < 60


@pytest.mark.slow
def test_memory_has_a_limit_and_unknown_names_are_told() -> None:
    organisation = sample_organisation(20, 2_000, 1)
    said, _, _ = ask(order_of(organisation, memory_mb=150))
    assert (said[-1]["kind"], "150 MB of memory" in said[-1]["error"]) == ("time", True)
    _, content, _ = ask(order_of(sample_organisation(4, 60, 1)))
    said, _, _ = ask(order_of(sample_organisation(4, 60, 1), locked={"A00001": "R999"}), content)
    assert said[-1]["kind"] == "input"
    assert "R999" in said[-1]["error"]


@pytest.mark.slow
def test_it_ends_when_whoever_asked_is_gone() -> None:
    order = order_of(sample_organisation(20, 1_000, 1), seconds=600.0)
    with subprocess.Popen(CHILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(order.to_line(0))
        child.stdin.flush()
        assert child.stdout.readline()
        child.stdin.close()
        assert child.wait(60) != 0


def test_each_kind_of_rule_can_be_dropped() -> None:
    base = sample_organisation(4, 60, 1)
    account, rep = base.accounts[0].id, base.reps[0].id
    rules = Rules(
        industry_skills={base.accounts[0].industry: frozenset({"welding"})},
        named={account: frozenset({rep})},
        locked={account: rep},
        forbidden=frozenset({(account, rep)}),
    )
    organisation = replace(base, rules=rules)
    dropped = organisation
    for rule in (
        Rule("skill", "welding"),
        Rule("named", account),
        Rule("locked", account),
        Rule("forbidden", f"{account} to {rep}"),
        Rule("language", " or ".join(sorted(base.accounts[0].languages))),
        *(Rule("maximum_load", one.id) for one in base.reps),
    ):
        before, dropped = dropped, without(dropped, rule)
        assert before != dropped, rule
    assert find_clashes(organisation)
    assert not find_clashes(dropped)
