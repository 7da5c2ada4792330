"""`quota_approval`: planned, decided by people whom Camunda knows, objected to, published everywhere or nowhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from functools import partial

import psycopg
import pytest

from tests.process.quotas import HALF_A_MINUTE, PERIOD, Approvals, open_approvals, tables
from workers.engine.driven import DrivenEngine
from workers.office import links
from workers.quota_approval.adapters import overview

pytestmark = pytest.mark.timeout(1200)  # planning starts a process, which takes long on a busy machine


@pytest.fixture
async def approvals(engine: DrivenEngine, planning_dsn: str) -> AsyncIterator[Approvals]:
    """All tasks are served, and the organisation is there."""
    async with open_approvals(Approvals, engine, planning_dsn) as opened:
        await opened.organisation()
        await opened.serve()
        yield opened


async def test_people_decide_and_nobody_about_their_own(approvals: Approvals) -> None:
    quota_id = await approvals.start_by_hand()
    task = await approvals.about(quota_id, "approve_quota", "a1")
    case = task.variables["quota_case"]
    assert (task.form_id, task.candidate_groups) == ("approve_quota", ("sales-managers",))
    assert task.candidate_users == ("mona", case["key"])
    assert case["title"] == "Ana (rep), Field"
    assert [line["value"] for line in case["lines"][:3]] == ["57,000.00 EUR", "57,000.00 EUR", "44,000.00 EUR"]
    assert [unit["unit"] for unit in case["roll_up"]] == ["Team A", "Field"]
    assert [peer["name"] for peer in case["peers"]] == ["Ali"]
    passed = approvals.engine.variables(await approvals.instance(quota_id))["passed_share"]
    assert passed == pytest.approx(4 / 7, abs=1e-3)  # both teams, Ben and Bea

    # Nobody had claimed it; whose own it is; somebody of another team; a name in a variable helps none of them.
    for login, why in (
        (None, "Nobody had claimed"),
        ("ana", "own quota"),
        ("max", "not one of those"),
        ("eve", "not among"),
    ):
        await approvals.decide(quota_id, "a1", login, decided_by="mona")
        task = await approvals.about(quota_id, "approve_quota", "a1")
        await approvals.until(partial(_problem, approvals, quota_id, "a1", why), f"{why} to be told")

    # An amount that the team cannot take, one without a reason, then one that moves the other rep.
    await approvals.decide(quota_id, "a1", "mona", "adjust", adjust_amount=50_000)
    await approvals.until(lambda: _problem(approvals, quota_id, "a1", "needs an amount and a reason"), "the reason")
    await approvals.decide(quota_id, "a1", "mona", "adjust", adjust_amount=900_000, adjust_reason="key_account")
    await approvals.until(lambda: _problem(approvals, quota_id, "a1", "can get from"), "what is possible")
    await approvals.decide(quota_id, "a1", "mona", "adjust", adjust_amount=50_000, adjust_reason="key_account")
    await approvals.passed(quota_id, "adjust_quota")
    quotas = await approvals.quotas(quota_id)
    assert (quotas["a1"], quotas["a2"], quotas["A"]) == (5_000_000, 6_400_000, 11_400_000)
    assert quotas["all"] == quotas["A"] + quotas["B"] == sum(quotas[rep] for rep in ("a1", "a2", "b1", "b2"))

    # Who set it does not approve it. The director sends it back to the manager, who may not: operations are above nobody.
    task = await approvals.about(quota_id, "approve_quota", "a1")
    assert task.candidate_groups == ("sales-directors",)
    assert "mona set it: A key account" in task.variables["quota_case"]["why"]
    await approvals.decide(quota_id, "a1", "mona")
    await approvals.until(lambda: _problem(approvals, quota_id, "a1", "mona set this quota"), "four eyes")
    await approvals.decide(quota_id, "a1", "dora", "reject")
    await approvals.until(lambda: _problem(approvals, quota_id, "a1", "needs a comment"), "the comment")
    await approvals.decide(quota_id, "a1", "dora", "delegate", delegate_to="mona")
    await approvals.until(lambda: _problem(approvals, quota_id, "a1", "mona cannot decide"), "who cannot")
    await approvals.decide(quota_id, "a1", "dora", "delegate", delegate_to="olga")
    await approvals.until(lambda: _users(approvals, quota_id, "a1") == {"olga"}, "it to be olga's")
    await approvals.decide(quota_id, "a1", "olga")

    # The director who is asked about a2 is silent: reminded, then finance decides.
    await approvals.decide(quota_id, "a2", "mona")
    await approvals.until(lambda: _group(approvals, quota_id, "a2") == "sales-directors", "the director's turn")
    task = await approvals.about(quota_id, "approve_quota", "a2")
    await approvals.decide(quota_id, "all", "dora")
    await approvals.decide(quota_id, "all", "fina")
    await approvals.travel_to(datetime.fromisoformat(task.variables["approval_deadlines"]["remind_at"]))
    await approvals.mail("dora@fairlead.example", "Reminder: Approve the quota")
    await approvals.travel_to(datetime.fromisoformat(task.variables["approval_deadlines"]["escalate_at"]))
    await approvals.mail("sales-finance@fairlead.example", "Now yours: Ali")
    await approvals.decide(quota_id, "a2", "finn", "reject", decision_comment="Look again.")
    await approvals.until(lambda: _group(approvals, quota_id, "a2") == "sales-directors", "it to be back")
    await approvals.decide(quota_id, "a2", "dirk")
    # It moved when a1 was set, so the tables look at it again.
    await approvals.passed(quota_id, "find_undecided", 2)
    await approvals.decide(quota_id, "a2", "mona")
    await approvals.decide(quota_id, "a2", "dora")
    await approvals.decide(quota_id, "a2", "fina")

    # Ana objects; somebody else cannot in her place; Ben says nothing.
    task = await approvals.about(quota_id, "object_to_quota", "a1")
    await approvals.answer(task, "ben", objection_choice="agree", objection_reason=None)
    task = await approvals.about(quota_id, "object_to_quota", "a1")
    assert "only whose quota it is may" in task.variables["objection_case"]["problem"]
    await approvals.answer(task, "ana", objection_choice="object", objection_reason="Two accounts left.")
    await approvals.passed(quota_id, "record_objection")
    task = await approvals.about(quota_id, "object_to_quota", "b1")
    await approvals.travel_to(datetime.fromisoformat(task.variables["objection_deadlines"]["remind_at"]))
    await approvals.mail("ben@fairlead.example", "Reminder: Look at your quota")
    await approvals.nobody_objects(quota_id)
    task = await approvals.about(quota_id, "approve_quota", "a1")
    assert await approvals.rows("SELECT node FROM quotas.cases WHERE state = 'waiting'") == [{"node": "a1"}]
    assert "The rep objects: Two accounts left." in task.variables["quota_case"]["why"]
    await approvals.decide(quota_id, "a1", "dirk")
    await approvals.ended(quota_id, "quotas_published")  # she is not asked twice about one figure

    version = f"{quota_id}.1"
    assert (await approvals.in_use("crm"), await approvals.in_use("erp")) == (version, version)
    there = await approvals.row("SELECT quotas, valid_from, valid_until FROM crm.quota_versions")
    assert there["quotas"] == await approvals.quotas(quota_id)
    assert (f"{there['valid_from']}", f"{there['valid_until']}") == ("2027-01-01", "2027-12-31")
    await approvals.mail("ana@fairlead.example", f"Your quota for {PERIOD}")
    letters = await approvals.rows("SELECT node, pdf, sent_at FROM quotas.letters ORDER BY node")
    assert [(row["node"], bytes(row["pdf"])[:5]) for row in letters] == [("a1", b"%PDF-"), ("b1", b"%PDF-")]

    secret = links.secret_of(approvals.settings)
    async with approvals.pool.connection() as connection:
        trail, broken_at = await overview.trail(connection, quota_id, secret)
        assert broken_at is None
        decided = [(one.actor, one.seen["choice"]) for one in trail if (one.node, one.action) == ("a1", "decided")]
        # The first adjustment was one that the team could not take.
        assert decided == [
            ("mona", "adjust"), ("mona", "adjust"), ("dora", "delegate"), ("olga", "approve"), ("dirk", "approve"),
        ]  # fmt: skip
        with pytest.raises(psycopg.errors.RaiseException, match="not changed"):
            await connection.execute("UPDATE quotas.trail SET actor = 'dora' WHERE number = 3")
        await connection.rollback()
        await connection.execute("ALTER TABLE quotas.trail DISABLE TRIGGER keep")
        await connection.execute("UPDATE quotas.trail SET actor = 'dora' WHERE number = 3")
        assert (await overview.trail(connection, quota_id, secret))[1] == 3


async def test_a_published_period_is_adjusted_for_those_concerned_and_not_too_often(approvals: Approvals) -> None:
    first = await approvals.ask()
    await approvals.approve_rest(first, "a1", "a2")
    await approvals.decide(first, "a2", "dirk")
    await approvals.nobody_objects(first)
    await approvals.ended(first, "quotas_published")
    before = await approvals.quotas(first)

    second = await approvals.ask()
    task = await approvals.task(second, "decide_plan")
    assert f"2027 overlaps 2027, which is published as {first}.1" in task.variables["question_text"]
    await approvals.answer(task, "olga", plan_choice="stop", plan_target=None)
    await approvals.ended(second, "quotas_stopped")

    refused = await approvals.ask_adjustment(["a1"], 40)
    await approvals.ended(refused, "adjustment_not_allowed")
    assert (
        "less than 30 days" in approvals.engine.variables(await approvals.instance(refused))["adjustment_rule"]["why"]
    )

    await approvals.travel_to(approvals.now() + timedelta(days=31))
    given = tables()
    given["territories"] = [
        row | {"potential": "160"} if (row["period"], row["rep"]) == (PERIOD, "a1") else row
        for row in given["territories"]
    ]
    await approvals.organisation(given)
    allowed = await approvals.ask_adjustment(["A"], -40)
    await approvals.passed(allowed, "list_approvals")
    after = await approvals.quotas(allowed)
    assert after["a1"] > before["a1"]
    assert {node for node in after if after[node] != before[node]} == {"a1", "a2"}
    assert after["A"] == after["a1"] + after["a2"] == before["A"]
    waiting = await approvals.rows("SELECT node FROM quotas.cases WHERE quota_id = %s AND state = 'waiting'", allowed)
    assert {row["node"] for row in waiting} <= {"a1", "a2"}
    await approvals.withdraw(allowed)
    await approvals.ended(allowed, "quotas_were_withdrawn")
    assert await approvals.state(allowed) == "withdrawn"
    assert (await approvals.in_use("crm"), await approvals.in_use("erp")) == (f"{first}.1", f"{first}.1")


async def test_a_plan_that_is_impossible_or_doubtful_is_a_person_s_decision(approvals: Approvals) -> None:
    given = tables()
    await approvals.organisation({name: rows for name, rows in given.items() if name != "territories"})
    quota_id = await approvals.ask()
    other = await approvals.start_by_hand()
    await approvals.ended(other, "quotas_joined")
    task = await approvals.task(quota_id, "decide_plan")
    assert "has no rows in territories" in task.variables["question_text"]
    assert [one["value"] for one in task.variables["plan_options"]] == ["collect_again", "stop"]
    await approvals.overdue(quota_id, "decide_plan", "plan_deadlines")
    await approvals.organisation(given, limits={"rep": {"cap": 50_000}})
    await approvals.complete(quota_id, "decide_plan", plan_choice="collect_again", plan_target=None)
    await approvals.passed(quota_id, "plan_impossible")
    task = await approvals.task(quota_id, "decide_plan")
    assert "No split keeps all rules" in task.variables["question_text"]
    assert "the cap of" in task.variables["question_text"]
    await approvals.organisation(given)
    await approvals.complete(quota_id, "decide_plan", plan_choice="collect_again", plan_target=400_000)
    await approvals.passed(quota_id, "quota_validation")
    task = await approvals.task(quota_id, "decide_plan")
    assert "The target is more than a quarter beyond what can be expected." in task.variables["question_text"]
    await approvals.complete(quota_id, "decide_plan", plan_choice="go_on", plan_target=None)
    await approvals.passed(quota_id, "list_approvals")
    assert (await approvals.quotas(quota_id))["all"] == 40_000_000

    # The manager leaves while she has the task: her word does not count any more, and the director decides.
    await approvals.about(quota_id, "approve_quota", "a1")
    await approvals.organisation(given, but=["mona"])
    await approvals.decide(quota_id, "a1", "mona")
    await approvals.until(lambda: _problem(approvals, quota_id, "a1", "mona is not among the people"), "her to be gone")
    assert _group(approvals, quota_id, "a1") == "sales-directors"
    assert _users(approvals, quota_id, "a1") == {"dora", "dirk"}
    await approvals.withdraw(quota_id)
    await approvals.ended(quota_id, "quotas_were_withdrawn")


@pytest.mark.parametrize("target", ["crm", "erp"])
async def test_a_target_that_refuses_undoes_all_and_a_second_try_may_succeed(approvals: Approvals, target: str) -> None:
    quota_id = await approvals.ask()
    await approvals.approve_rest(quota_id, "a1", "a2")
    await approvals.decide(quota_id, "a2", "dirk")
    why = await approvals.refuse(target)
    await approvals.nobody_objects(quota_id)
    task = await approvals.task(quota_id, "publication_failed")
    states = {one["target"]: one["state"] for one in task.variables["publication"]["targets"]}
    assert states[target] == "refused"
    assert any(why in one["why"] for one in task.variables["publication"]["targets"])
    for element in ("restore_quotas__crm", "restore_quotas__erp", "void_letters"):
        await approvals.passed(quota_id, element)
    assert (await approvals.in_use("crm"), await approvals.in_use("erp")) == (None, None)
    letters = await approvals.rows("SELECT sent_at, void_at IS NULL AS open FROM quotas.letters")
    assert letters == [{"sent_at": None, "open": False}] * 2
    if target == "crm":
        await approvals.overdue(quota_id, "publication_failed", "publication_deadlines")
        await approvals.complete(quota_id, "publication_failed", publication_choice="drop")
        await approvals.ended(quota_id, "quotas_not_published")
        assert await approvals.state(quota_id) == "failed"
        return
    async with approvals.pool.connection() as connection:
        await connection.execute("DELETE FROM erp.quota_terms")
    await approvals.complete(quota_id, "publication_failed", publication_choice="try_again")
    await approvals.ended(quota_id, "quotas_published")
    assert (await approvals.in_use("crm"), await approvals.in_use("erp")) == (f"{quota_id}.1",) * 2


@pytest.mark.parametrize("withdrawn", [False, True])
async def test_a_slow_target_is_waited_for_and_a_withdrawal_undoes_what_the_other_has(
    approvals: Approvals, *, withdrawn: bool
) -> None:
    quota_id = await approvals.ask()
    await approvals.approve_rest(quota_id, "a1", "a2")
    await approvals.decide(quota_id, "a2", "dirk")
    async with await psycopg.AsyncConnection.connect(approvals.settings.dsn) as other:
        await other.execute("LOCK TABLE erp.quota_versions IN ACCESS EXCLUSIVE MODE")  # the ERP hangs
        await approvals.nobody_objects(quota_id)
        await approvals.passed(quota_id, "confirm_publication")
        if withdrawn:
            await approvals.withdraw(quota_id)
            await approvals.ended(quota_id, "quotas_were_withdrawn")
        await other.rollback()
    if withdrawn:
        assert (await approvals.in_use("crm"), await approvals.in_use("erp")) == (None, None)
        assert not await approvals.rows("SELECT FROM quotas.letters WHERE void_at IS NULL")
        return
    assert await approvals.in_use("erp") == f"{quota_id}.1"
    await approvals.travel_to(approvals.now() + HALF_A_MINUTE)
    await approvals.ended(quota_id, "quotas_published")


def _open(approvals: Approvals, quota_id: str, node: str) -> Iterator[dict[str, object]]:
    for task in approvals.engine.open_user_tasks(element_id="approve_quota"):
        if task.variables["quota_id"] == quota_id and task.variables["approval"]["node"] == node:
            yield task.variables["quota_case"] | {"users": set(task.candidate_users)}


def _problem(approvals: Approvals, quota_id: str, node: str, text: str) -> bool:
    return any(text in str(case["problem"]) for case in _open(approvals, quota_id, node))


def _group(approvals: Approvals, quota_id: str, node: str) -> object:
    return next((case["group"] for case in _open(approvals, quota_id, node)), None)


def _users(approvals: Approvals, quota_id: str, node: str) -> object:
    return next((case["users"] - {case["key"]} for case in _open(approvals, quota_id, node)), None)  # type: ignore[operator]  # JSON
