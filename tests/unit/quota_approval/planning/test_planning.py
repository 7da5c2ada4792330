"""The sample organisation planned once, then read, explained, changed and compared."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from tests.unit.quota_approval.planning.helpers import sums_fit
from workers.quota_approval.planning.adjusting import adjust
from workers.quota_approval.planning.comparing import compare, figures
from workers.quota_approval.planning.errors import ClashError, InputError
from workers.quota_approval.planning.explaining import explain
from workers.quota_approval.planning.facts import node_facts, node_months
from workers.quota_approval.planning.inputs import Inputs
from workers.quota_approval.planning.plan import QuotaPlan
from workers.quota_approval.planning.reading import read_folder
from workers.quota_approval.planning.rules import REP, Rules, load_rules
from workers.quota_approval.planning.running import run_plan
from workers.quota_approval.planning.sample import write_sample

REPS = 60
DRIVERS = ["territory", "ramp", "pipeline", "history", "stretch", "rules_above", "own_rules", "rounding"]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> tuple[Inputs, Rules]:
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, reps=REPS, seed=1)
    reading = read_folder(folder, currency="EUR")
    assert not reading.problems
    return reading.inputs, load_rules(folder / "rules.yaml").model_copy(update={"draws": 1_000})


@pytest.fixture(scope="module")
def plan(given: tuple[Inputs, Rules]) -> QuotaPlan:
    return run_plan(*given)


def test_five_levels_add_up_and_every_rule_holds(plan: QuotaPlan) -> None:
    assert plan.organisation.order_of_levels() == ("company", "region", "country", "team", REP)
    assert sums_fit(plan.basis, plan.solved.quotas)
    assert plan.quota("company") == int(plan.rules.target * 100)
    for row in plan.limits.to_dict("records"):
        quota = plan.quota(row["node"])
        assert quota >= row["amount"] if row["least"] else quota <= row["amount"], row["text"]
    held = plan.nodes[plan.nodes["level"] == REP].copy()
    free = ~held["node"].isin(plan.limits.loc[plan.limits["presses"], "node"])
    assert free.sum() > REPS / 2
    by_team = held[free].groupby("parent")["odds"]
    assert (by_team.max() - by_team.min()).max() < 0.01, "equal odds where no rule presses, but for rounding"


def test_the_same_input_gives_the_same_bytes_and_they_can_be_read(plan: QuotaPlan, given: tuple[Inputs, Rules]) -> None:
    again = run_plan(*given)
    assert again.to_bytes() == plan.to_bytes()
    assert QuotaPlan.from_bytes(plan.to_bytes()).to_bytes() == plan.to_bytes()
    other = run_plan(given[0], given[1].model_copy(update={"seed": 2}))
    assert other.version != plan.version
    with pytest.raises(InputError, match="no stored version"):
        QuotaPlan.from_bytes(b"nothing")


def test_drivers_and_months_add_up_to_the_quota(plan: QuotaPlan) -> None:
    reps = plan.reps
    assert (reps[DRIVERS].sum(axis=1) == reps["quota"]).all()
    months = node_months(plan)
    assert {node: sum(of.values()) for node, of in months.items()} == dict(
        zip(plan.nodes["node"], plan.nodes["quota"], strict=True)
    )
    assert list(months["company"]) == plan.card["months"]
    team = next(
        node for node, above in zip(plan.nodes["node"], plan.nodes["parent"], strict=True) if above == "company"
    )
    assert len(set(months[team].values())) > 1, "a unit's quota has the season of what is expected below it"
    assert (plan.phases.groupby("rep", sort=False)["quota"].sum().to_numpy() == reps["quota"].to_numpy()).all()
    expected = reps[DRIVERS[:4]].sum(axis=1) / 100
    assert expected.to_numpy() == pytest.approx(reps["expected"].to_numpy(), abs=0.05)
    assert (reps.loc[reps["capacity"] < 1, "ramp"] < 0).all()
    limited = set(plan.limits.loc[plan.limits["presses"], "node"])
    alone = reps[~reps["rep"].isin(limited)]
    assert alone["own_rules"].abs().max() < 10_000, "no rule of their own, no part for it"


def test_a_rule_is_explained_with_its_price_and_what_it_costs(plan: QuotaPlan) -> None:
    pressing = plan.limits[plan.limits["presses"] & plan.limits["node"].isin(plan.organisation.reps)]
    row = pressing.sort_values("price").iloc[-1]
    found = explain(plan, row["node"])
    assert sum(driver.amount for driver in found.drivers) == plan.quota(row["node"])
    cost = next(one for one in found.rules if one.text == row["text"])
    without = cost.without - plan.quota(row["node"])
    assert without < 0 if row["least"] else without > 0
    assert cost.saved > 0
    # A price is a slope at the rule; the cost lies below price times way, as shortfall is convex.
    assert cost.saved <= cost.price * abs(without) * 1.05 + 100
    assert any("last quota" in text for text in found.texts)
    team = explain(plan, "T001")
    assert not team.drivers
    assert any("over-assignment" in text for text in team.texts)
    with pytest.raises(InputError, match="neither a unit nor a rep 'nobody'"):
        explain(plan, "nobody")


def test_one_quota_is_changed_and_only_its_team_moves(plan: QuotaPlan) -> None:
    node = plan.organisation.reps[0]
    team = plan.nodes.loc[plan.nodes["node"] == node, "parent"].item()
    lower = plan.quota(node) * 95 // 100 // 10_000 * 10_000
    changed = adjust(plan, node, lower, "two key accounts left")
    assert changed.quota(node) == lower
    assert sums_fit(changed.basis, changed.solved.quotas)
    moved = compare(plan, changed)
    inside = set(plan.nodes.loc[plan.nodes["parent"] == team, "node"])
    assert set(moved.loc[moved["change"] != 0, "node"]) <= inside
    assert moved["change"].sum() == 0
    assert moved.loc[moved["node"] == node, "why"].item().startswith("set by hand: two key accounts left")
    assert changed.card["parent"] == plan.version
    assert (changed.reps[DRIVERS].sum(axis=1) == changed.reps["quota"]).all()

    other = next(one for one in plan.organisation.reps[1:] if one in inside)
    twice = adjust(QuotaPlan.from_bytes(changed.to_bytes()), other, plan.quota(other), "as agreed")
    assert twice.quota(node) == lower, "the first lock stays"
    assert twice.quota(other) == plan.quota(other)
    assert sums_fit(twice.basis, twice.solved.quotas)
    assert [edit["node"] for edit in twice.card["edits"]] == [node, other]


def test_a_unit_can_be_changed_too(plan: QuotaPlan) -> None:
    changed = adjust(plan, "T001", plan.quota("T001") - 2_000_000, "fewer reps from May")
    assert sums_fit(changed.basis, changed.solved.quotas)
    outside = [node for node in plan.organisation.nodes if node.startswith("T005")]
    assert outside
    assert all(changed.quota(node) == plan.quota(node) for node in outside)
    assert changed.quota("C01") == plan.quota("C01")


def test_an_impossible_change_says_what_is_possible(plan: QuotaPlan) -> None:
    node = plan.organisation.reps[0]
    with pytest.raises(ClashError, match=rf"{node} can get from [\d,.]+ to [\d,.]+") as caught:
        adjust(plan, node, 10 * plan.quota("T001"), "why not")
    text = str(caught.value).rsplit("can get from ", 1)[1].rstrip(".").replace(",", "")
    least, most = (int(Decimal(part) * 100) for part in text.split(" to "))
    assert adjust(plan, node, most, "the most").quota(node) == most
    assert adjust(plan, node, least, "the least").quota(node) == least
    with pytest.raises(ClashError):
        adjust(plan, node, most + 100, "more")
    with pytest.raises(InputError, match="for a reason"):
        adjust(plan, node, most, " ")
    with pytest.raises(InputError, match="is the top"):
        adjust(plan, "company", 1, "x")


def test_facts_show_size_change_odds_peers_and_broken_rules(plan: QuotaPlan) -> None:
    facts = {one.node: one for one in node_facts(plan)}
    assert facts["company"].share == 1
    assert facts["R1"].share == pytest.approx(1.01, abs=0.001)
    node = next(
        one
        for one in plan.organisation.reps
        if any(limit.rule == "rise" and limit.node == one for limit in plan.basis.limits)
    )
    rise = next(limit.amount for limit in plan.basis.limits if limit.node == node and limit.rule == "rise")
    assert not facts[node].broken
    changed = {one.node: one for one in node_facts(adjust(plan, node, rise + 100, "wants it"))}[node]
    assert any("limit on rises" in text for text in changed.broken)
    assert changed.change == pytest.approx((rise + 100) / facts[node].last_quota - 1)  # type: ignore[operator]  # has one


def test_another_target_is_compared_figure_by_figure(plan: QuotaPlan, given: tuple[Inputs, Rules]) -> None:
    inputs, rules = given
    more = run_plan(inputs, rules.model_copy(update={"target": rules.target * Decimal("1.02")}))
    table = figures(plan, more).to_dict("records")
    old, new = ({row["figure"]: row[side] for row in table} for side in ("old", "new"))
    assert new["target"] > old["target"]
    assert new["odds_target"] < old["odds_target"]
    extra = new["shortfall"] - old["shortfall"]
    each = (new["assigned"] - old["assigned"]) / 100
    assert old["next_unit"] * each * 0.98 <= extra <= new["next_unit"] * each * 1.02
    moved = compare(plan, more)
    assert (np.diff(moved["change"].abs().astype(float)) <= 0).all()
    assert moved["change"].min() > -200_000, "nobody gets less when the target rises, but for rounding to 1,000.00"
