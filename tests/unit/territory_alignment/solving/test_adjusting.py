from __future__ import annotations

from dataclasses import replace

import numpy as np
import psycopg
import pytest

from tests.unit.territory_alignment.solving.helpers import QUICK, account, organisation, rep
from workers.runtime.database import Pool
from workers.territory_alignment.solving import charts, comparing, store
from workers.territory_alignment.solving.adjusting import Change, adjust
from workers.territory_alignment.solving.aligning import align
from workers.territory_alignment.solving.errors import ClashError, InputError, NoPlanError
from workers.territory_alignment.solving.kpis import islands, kpis
from workers.territory_alignment.solving.organisation import Rules, Weights
from workers.territory_alignment.solving.plan import Plan
from workers.territory_alignment.solving.running import Limits
from workers.territory_alignment.solving.sample import sample_organisation


@pytest.fixture(scope="module")
def plan() -> Plan:
    return align(sample_organisation(8, 120, 2), Weights(), QUICK)


def test_a_plan_is_stored_whole_and_gives_the_same_bytes(plan: Plan) -> None:
    again = Plan.from_bytes(plan.to_bytes())
    assert again.to_bytes() == plan.to_bytes()
    assert again.organisation == sample_organisation(8, 120, 2)
    assert (again.owner == plan.owner).all()
    assert again.card["gap"] == pytest.approx(plan.card["score"] / plan.card["bound"] - 1, abs=1e-9)
    with pytest.raises(InputError, match="no stored version"):
        Plan.from_bytes(b"PK")


def test_hard_rules_hold_and_each_change_says_why(plan: Plan) -> None:
    made = plan.organisation
    reps = {one.id: one for one in made.reps}
    for row, one in zip(plan.accounts.to_dict("records"), made.accounts, strict=True):
        assert made.rules.industry_skills.get(one.industry, frozenset()) <= reps[row["rep"]].skills
        assert one.languages & reps[row["rep"]].languages
        assert row["rep"] in made.rules.named.get(one.id, {row["rep"]})
        assert row["rep"] == made.rules.locked.get(one.id, row["rep"])
        assert bool(row["why"]) == (row["change"] != "kept")
    assert (plan.reps["load"] <= plan.reps["limit"] * (1 + 1e-9)).all()
    assert plan.reps["accounts"].sum() == len(plan.accounts)
    assert plan.reps["gained"].sum() == (plan.accounts["change"] != "kept").sum()


def test_a_lock_is_kept_and_little_else_moves(plan: Plan) -> None:
    made = plan.organisation
    ruled = {*made.rules.locked, *made.rules.named}
    free = next(one for one in made.accounts if one.id not in ruled and one.industry not in made.rules.industry_skills)
    reps = plan.accounts.set_index("account")["rep"].to_dict()
    other = next(one.id for one in made.reps if one.id != reps[free.id] and free.languages & one.languages)
    after = adjust(plan, Change(locked={free.id: other}), QUICK)
    moved = comparing.differences(plan, after)
    assert (free.id, other) in set(zip(moved["account"], moved["to_rep"], strict=True))
    assert len(moved) <= 3
    back = adjust(plan, Change(forbidden=frozenset({(free.id, reps[free.id])})), QUICK)
    assert back.accounts.set_index("account")["rep"][free.id] != reps[free.id]


def test_who_leaves_gives_up_everything_and_the_others_keep_theirs(plan: Plan) -> None:
    gone = plan.reps.sort_values("accounts")["rep"].iloc[0]
    after = adjust(plan, Change(leaving=frozenset({gone}), published=True), QUICK)
    moved = comparing.differences(plan, after)
    his = plan.accounts.loc[plan.accounts["rep"] == gone, "account"]
    assert set(his) <= set(moved["account"])
    assert len(moved) <= len(his) + 4
    assert gone not in set(after.accounts["rep"])
    # Once the plan is in force, what it changed is today's, and not a change of the next one.
    assert after.card["kpis"]["changed_hands"] == len(moved)
    assert (after.accounts.set_index("account").loc[his, "owner"] == gone).all()


def test_who_joins_gets_accounts_from_others_and_nobody_else_does(plan: Plan) -> None:
    new = replace(plan.organisation.reps[0], id="NEW")
    after = adjust(plan, Change(joining=(new,), published=True), QUICK)
    moved = comparing.differences(plan, after)
    assert (after.accounts["rep"] == "NEW").sum() >= 3
    assert (moved["to_rep"] != "NEW").sum() <= 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Change(locked={"A9": "R001"}), "named A9"),
        (Change(locked={"A00001": "R001"}, leaving=frozenset({"R001"})), "named R001"),
        (Change(joining=(rep("R002"),)), "R002 cannot join"),
    ],
)
def test_names_that_are_not_there(plan: Plan, change: Change, said: str) -> None:
    with pytest.raises(InputError, match=said):
        adjust(plan, change, QUICK)


def test_a_change_that_clashes_says_what_with(plan: Plan) -> None:
    with pytest.raises(ClashError, match=r"A00001 is locked to R001.*A00001 to R001 is forbidden"):
        adjust(plan, Change(locked={"A00001": "R001"}, forbidden=frozenset({("A00001", "R001")})), QUICK)


def test_accounts_that_nobody_may_have_are_left_out_when_asked() -> None:
    made = organisation(
        [account("a1"), account("a2", skills=frozenset({"x"})), account("a3")], [rep("r1"), rep("r2")],
        Rules(locked={"a2": "r1"}, maximum_load=None),
    )  # fmt: skip
    with pytest.raises(ClashError):
        align(made, Weights(), QUICK)
    planned = align(made, Weights(), QUICK, leave_out=True)
    assert planned.accounts["account"].tolist() == ["a1", "a3"]
    assert planned.problems["rule"].tolist() == ["left_out"]
    assert planned.reps["accounts"].tolist() == [1, 1], "two equal accounts, two equal reps"


def test_figures_of_a_plan_known_by_hand() -> None:
    made = organisation(
        [account("a1", 3, owner="r1"), account("a2", 1, owner="r2", relationship_years=9.0), account("a3", 4)],
        [rep("r1"), rep("r2", maximum_load=4.5)],
    )
    found = kpis(made, np.array([0, 0, 1]))
    assert (found.work_off, found.highest_load, found.over_limit) == (0.0, 0.4, 0)
    assert found.potential_off == pytest.approx(1 / 6)
    assert (found.changed_hands, found.changed_share, found.potential_moved) == (1, 0.5, 100.0)
    assert found.relationships_lost == pytest.approx(6 / 7)
    assert kpis(made, np.array([0, 1, 1])).over_limit == 1
    assert kpis(made, np.array([0, -1, 1])).without_owner == 1


def test_islands_are_pieces_beyond_one_a_rep() -> None:
    line = np.array([(50.0, 10.0 + i / 10) for i in range(6)])
    assert islands(line, np.array([0, 0, 0, 1, 1, 1]), 2) == 0
    assert islands(line, np.array([0, 1, 0, 1, 1, 0]), 2) == 3


def test_contiguity_joins_territories() -> None:
    made = sample_organisation(5, 50, 5)
    loose, joined = (align(made, Weights(contiguity=weight), Limits(None, 1)) for weight in (0.0, 3.0))
    assert joined.card["kpis"]["islands"] < loose.card["kpis"]["islands"]


def test_scenarios_and_pictures(plan: Plan) -> None:
    lighter = align(plan.organisation, Weights(travel=0.2, continuity=5.0), QUICK)
    table = comparing.compare([plan, lighter])
    assert table.columns.tolist() == ["today", plan.version, lighter.version]
    assert set(comparing.WORDS) <= set(table.index)
    assert lighter.card["kpis"]["changed_hands"] < plan.card["kpis"]["changed_hands"]
    assert charts.png(plan, others=[lighter]).startswith(b"\x89PNG")
    with pytest.raises(InputError, match="not of the same accounts"):
        comparing.compare([plan, align(sample_organisation(6, 80, 5), Weights(), QUICK)])


async def test_versions_are_kept_once_and_never_changed(pool: Pool, plan: Plan) -> None:
    async with pool.connection() as conn:
        for _ in range(2):
            await store.save(conn, plan)
        back = await store.load(conn, plan.version)
        assert back.to_bytes() == plan.to_bytes()
        assert [one.version for one in await store.list_plans(conn)] == [plan.version]
        with pytest.raises(NoPlanError, match="'none'"):
            await store.load(conn, "none")
    async with pool.connection() as conn:
        with pytest.raises(psycopg.errors.RaiseException, match="not changed"):
            await conn.execute("UPDATE territories.plans SET name = 'x'")
        await conn.rollback()
