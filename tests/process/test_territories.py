"""`territory_alignment`: planning, looking, approving, publishing everywhere or nowhere, withdrawing."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg
import pytest

from tests.process.territories import FAR, LONG, Territories, accounts

pytestmark = pytest.mark.timeout(900)  # a search imports much on a busy machine

TODAY = {str(row["account"]): str(row["owner"]) for row in accounts()}
PLANNED = {name: f"R{name[1]}" for name in TODAY}
"""The nearest rep of each account."""
POOLS = {"R1": ["north"], "R2": ["north", "south"], "R3": ["south"], "R4": ["south"], "R5": ["south"]}


async def test_new_territories_are_looked_at_approved_by_four_eyes_and_published_and_a_small_adjustment_passes_by_itself(
    territories: Territories,
) -> None:
    await territories.serve()
    await territories.furnish()
    day = (territories.now() + timedelta(days=40)).date()
    first = await territories.ask(effective_from=day)
    looks = await territories.looks(first, 2)
    north = looks["north"]
    assert (north.form_id, north.candidate_groups, north.candidate_users) == (
        *("look_at_territories", ("sales-managers",)),
        ("mona",),
    )
    assert looks["south"].candidate_users == ()
    case = north.variables["region_case"]
    moves = {row["account"]: (row["today"], row["new"]) for row in case["moves"]}
    assert moves == {name: (owner, PLANNED[name]) for name, owner in FAR.items()}
    assert all("km instead of" in row["why"] for row in case["moves"])
    assert [row["accounts"] for row in case["reps"]] == ["8 → 10", "13 → 10"]
    assert case["figures"][0]["today"] == "0"
    assert case["figures"][0]["proposed"] == "3"
    await territories.mail("mona@fairlead.example", "Please look at the territories: North")
    south = looks["south"]
    await territories.reminded(first, south, south.variables["look_deadlines"], "sales-managers")
    await territories.accept_all(first)
    task = await territories.task(first, "approve_territories")
    assert task.candidate_groups == ("sales-directors",)
    await territories.reminded(first, task, task.variables["approval_deadlines"], "sales-directors")
    await territories.complete(first, "approve_territories", approval_choice="approve", approver=" Olga")
    await territories.passed(first, "prepare_approval", 2)
    task = await territories.task(first, "approve_territories")
    assert "somebody else decides" in task.variables["approval_problem"]
    await territories.say(task, approval_choice="approve", approver="dora")
    await territories.passed(first, "record_approval", 2)
    assert await territories.owners() == TODAY
    await territories.travel_to(datetime.fromisoformat(f"{day}T00:00:00+00:00"))
    await territories.ended(first, "territories_published")
    assert await territories.owners() == PLANNED
    assert await territories.pools() == POOLS | {"R2": ["north"]}
    letter = await territories.mail("r2@fairlead.example", "Your accounts change")
    assert "A1_1, A1_2, A3_1" in letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # it has a body

    second = await territories.ask("rep_left", leaving=["R5"])
    await territories.passed(second, "territories_published", within=LONG)
    variables = territories.engine.variables(await territories.instance(second))
    assert variables["look_rule"]["review"] is False
    assert variables["approval_rule"]["level"] == "none"
    owners = await territories.owners()
    assert {name for name in owners if owners[name] != PLANNED[name]} == {"A5_1"}
    assert (await territories.pools())["R5"] == []
    assert await territories.state(second) == "published"


async def test_managers_edit_refuse_and_are_asked_again_where_an_edit_changed_what_they_saw(
    territories: Territories,
) -> None:
    await territories.serve()
    await territories.furnish()
    alignment_id = await territories.start_by_hand()
    looks = await territories.looks(alignment_id, 2)
    await territories.say(looks["north"], look_choice="accept", looked_by="mona")
    south = looks["south"]
    edit = {"account": "A3_1", "kind": "lock", "rep": "R4"}
    for edits, problem in (
        ([edit | {"account": "A9_9"}], "no account 'A9_9'"),
        ([{"account": "A4_4", "kind": "forbid", "rep": rep} for rep in POOLS], "Nobody may have"),
    ):
        await territories.say(south, look_choice="edit", looked_by="sam", edits=edits)
        south = (await territories.looks(alignment_id, 1, [south]))["south"]
        assert problem in south.variables["region_case"]["sent_back"]
    await territories.say(south, look_choice="edit", looked_by="sam", edits=[edit])
    south = (await territories.looks(alignment_id, 1, [south]))["south"]
    assert south.variables["region_case"]["sent_back"] == ""
    moves = {row["account"]: row["new"] for row in south.variables["region_case"]["moves"]}
    assert moves["A3_1"] == "R4"
    assert south.variables["region_case"]["figures"][0]["edited"] != ""
    # R2 of the north loses the account to somebody else than mona saw; what is hers is as it was but for that.
    await territories.say(south, look_choice="refuse", looked_by="sam", look_note="Two reps are ill.")
    await territories.passed(alignment_id, "settle_looks")
    task = await territories.task(alignment_id, "approve_territories")
    assert task.variables["refusals_text"] == "- south, sam: Two reps are ill."
    assert "refuses" in task.variables["approval_rule"]["why"]
    await territories.say(task, approval_choice="reject", approver="dora", approval_comment="Talk to Sam.")
    looks = await territories.looks(alignment_id, 2)
    assert "Talk to Sam." in looks["south"].variables["region_case"]["sent_back"]
    await territories.say(looks["north"], look_choice="accept", looked_by="mona")
    edit = {"account": "A1_1", "kind": "keep"}
    await territories.say(looks["south"], look_choice="edit", looked_by="sam", edits=[edit])
    south = (await territories.looks(alignment_id, 1, [looks["south"]]))["south"]
    await territories.say(south, look_choice="accept", looked_by="sam")
    again = await territories.looks(alignment_id, 1)
    assert list(again) == ["north"]
    await territories.say(again["north"], look_choice="accept", looked_by="mona")
    task = await territories.task(alignment_id, "approve_territories")
    await territories.say(task, approval_choice="approve", approver="SAM ")
    await territories.passed(alignment_id, "record_approval", 2)
    await territories.complete(alignment_id, "approve_territories", approval_choice="approve", approver="dora")
    await territories.ended(alignment_id, "territories_published")
    assert await territories.owners() == PLANNED | {"A3_1": "R4", "A1_1": "R2"}


async def test_rows_that_cannot_be_used_are_a_person_s_decision_and_a_second_alignment_joins(
    territories: Territories,
) -> None:
    await territories.serve(but=["solve_territories"])
    rows = accounts()
    rows[0]["latitude"], rows[1]["potential"] = None, -5.0
    await territories.furnish(rows)
    first = await territories.ask()
    task = await territories.task(first, "decide_data")
    assert {row["rule"] for row in task.variables["data_problems"]} == {"missing_location", "negative_potential"}
    assert [one["value"] for one in task.variables["data_choices"]] == ["leave_out", "collect_again", "stop"]
    second = await territories.start_by_hand()
    await territories.ended(second, "alignment_joined")
    assert territories.engine.variables(await territories.instance(second))["joined"] == first
    await territories.reminded(first, task, task.variables["data_deadlines"], "sales-ops")
    await territories.complete(first, "decide_data", data_choice="collect_again")
    await territories.passed(first, "prepare_data_decision", 2)
    await territories.complete(first, "decide_data", data_choice="leave_out")
    await territories.passed(first, "ready_to_solve")
    await territories.travel_to(territories.now() + timedelta(minutes=16))
    await territories.passed(first, "slow_solve_told")
    await territories.mail("sales-ops@fairlead.example", "Takes long: Solve")
    await territories.withdraw(first)
    await territories.ended(first, "territories_were_withdrawn")
    await territories.furnish([], crm=False)
    third = await territories.ask()
    task = await territories.task(third, "decide_data")
    assert [one["value"] for one in task.variables["data_choices"]] == ["collect_again", "stop"]
    await territories.complete(third, "decide_data", data_choice="stop", data_note="next year")
    await territories.ended(third, "alignment_stopped")
    assert await territories.state(third) == "stopped"


async def test_rules_that_clash_are_told_and_a_person_drops_one_or_stops(territories: Territories) -> None:
    await territories.serve(but=["open_looks"])
    rules = [{"rule": "industry_skill", "industry": "steel", "skills": "welding"}]
    await territories.furnish(rules=rules)
    first = await territories.ask()
    await territories.passed(first, "no_plan", within=LONG)
    task = await territories.task(first, "resolve_clash")
    assert "no rep has the skill welding" in task.variables["clash_why"]
    assert [one["value"] for one in task.variables["clash_choices"]] == ["drop", "leave_out", "collect_again", "stop"]
    await territories.reminded(first, task, task.variables["clash_deadlines"], "sales-ops")
    await territories.say(task, clash_choice="collect_again")
    await territories.passed(first, "no_plan", 2, LONG)
    task = await territories.task(first, "resolve_clash")
    (rule,) = task.variables["clash_rules"]
    await territories.say(task, clash_choice="drop", clash_drop=rule["value"])
    await territories.passed(first, "weigh_changes", within=LONG)
    assert territories.engine.variables(await territories.instance(first))["dropped_rules"] == ["skill:welding"]
    await territories.withdraw(first)
    await territories.ended(first, "territories_were_withdrawn")
    second = await territories.ask()
    await territories.passed(second, "no_plan", within=LONG)
    await territories.complete(second, "resolve_clash", clash_choice="stop")
    await territories.ended(second, "alignment_stopped")


async def to_approval(territories: Territories) -> str:
    """Managers accepted, the director is about to approve."""
    alignment_id = await territories.ask()
    await territories.accept_all(alignment_id)
    await territories.task(alignment_id, "approve_territories")
    return alignment_id


async def test_a_target_that_refuses_undoes_the_other_and_a_second_try_may_succeed_or_be_dropped(
    territories: Territories,
) -> None:
    await territories.serve()
    await territories.furnish()
    async with territories.pool.connection() as connection:
        await connection.execute("DELETE FROM routing.reps WHERE id = 'R4'")
    alignment_id = await to_approval(territories)
    await territories.complete(alignment_id, "approve_territories", approval_choice="approve", approver="dora")
    task = await territories.task(alignment_id, "territories_not_published")
    assert "it does not know R4" in task.variables["failure_text"]
    await territories.passed(alignment_id, "restore_territories__crm")
    await territories.passed(alignment_id, "restore_territories__routing")
    assert await territories.owners() == TODAY
    await territories.mail("sales-ops@fairlead.example", "Not published: the territories of North")
    await territories.reminded(alignment_id, task, task.variables["publication_deadlines"], "sales-ops")
    await territories.complete(alignment_id, "territories_not_published", publication_choice="try_again")
    await territories.passed(alignment_id, "report_failed_publication", 2)
    await territories.complete(alignment_id, "territories_not_published", publication_choice="drop")
    await territories.ended(alignment_id, "alignment_failed")
    assert await territories.owners() == TODAY
    assert (await territories.pools())["R2"] == ["north", "south"]
    assert await territories.state(alignment_id) == "failed"


async def test_a_crm_that_refuses_gives_lead_routing_its_territories_back(territories: Territories) -> None:
    await territories.serve()
    await territories.furnish()
    async with territories.pool.connection() as connection:
        await connection.execute("DELETE FROM crm.accounts WHERE id = 'A1_2'")
    alignment_id = await to_approval(territories)
    await territories.complete(alignment_id, "approve_territories", approval_choice="approve", approver="dora")
    task = await territories.task(alignment_id, "territories_not_published")
    assert "it does not know A1_2" in task.variables["failure_text"]
    assert await territories.pools() == POOLS
    assert await territories.owners() == {account: owner for account, owner in TODAY.items() if account != "A1_2"}
    (routing,) = await territories.rows(
        "SELECT former, in_use, state FROM territories.sendings WHERE target = 'routing' AND alignment_id = %s",
        alignment_id,
    )
    assert routing == {"former": None, "in_use": None, "state": "restored"}


async def test_a_slow_target_is_waited_for_and_a_withdrawal_gives_every_owner_back(territories: Territories) -> None:
    await territories.serve()
    await territories.furnish()
    alignment_id = await territories.ask()
    await territories.looks(alignment_id, 2)
    close_at = territories.engine.variables(await territories.instance(alignment_id))["looks_close_at"]
    await territories.travel_to(datetime.fromisoformat(close_at))
    await territories.passed(alignment_id, "close_looks")
    task = await territories.task(alignment_id, "approve_territories")
    assert "did not decide in time" in task.variables["approval_rule"]["why"]
    async with await psycopg.AsyncConnection.connect(territories.settings.dsn) as other:
        await other.execute("LOCK TABLE routing.territory_versions IN ACCESS EXCLUSIVE MODE")  # it hangs
        await territories.complete(alignment_id, "approve_territories", approval_choice="approve", approver="dora")
        await territories.passed(alignment_id, "confirm_publication")
        assert (
            territories.engine.variables(await territories.instance(alignment_id))["publication"]["state"] == "pending"
        )
        await territories.travel_to(territories.now() + timedelta(seconds=30))
        await territories.passed(alignment_id, "half_a_minute")

        async def published() -> bool:
            return bool(await territories.rows("SELECT FROM crm.accounts WHERE id = 'A3_1' AND owner_id = 'R3'"))

        await territories.until_async(published, "the CRM to have the new owners")
        async with territories.pool.connection() as connection:  # somebody changes an owner in the CRM meanwhile
            await connection.execute("UPDATE crm.accounts SET owner_id = 'R4' WHERE id = 'A1_2'")
        await territories.withdraw(alignment_id)
        await territories.ended(alignment_id, "territories_were_withdrawn")
        await other.rollback()
    assert await territories.owners() == TODAY | {"A1_2": "R4"}
    assert await territories.pools() == POOLS
    assert await territories.state(alignment_id) == "withdrawn"
