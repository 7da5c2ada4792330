"""Every path of `lead_routing` on the real engine, with what each leaves behind in database, CRM and mailbox."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg
import pytest

from tests.process.house import House

EFFECTS_UNDONE = "SELECT element_id FROM runtime.effects WHERE business_id = %s AND undone_at IS NOT NULL"


def moment(text: object) -> datetime:
    """A process variable with a time."""
    return datetime.fromisoformat(str(text))


async def accept(house: House, lead_id: str) -> str:
    """The owner accepts; returns who that was."""
    task = await house.complete(lead_id, "accept_lead", owner_response="accept")
    await house.ended(lead_id, "lead_accepted")
    return str(task.variables["assignment"]["owner_id"])


async def triaged(house: House, **fields: object) -> str:
    """A lead that waits for triage: nobody knows its territory."""
    lead_id = await house.lead(country="BR", language="pt", **fields)
    await house.task(lead_id, "triage_lead")
    return lead_id


async def test_a_good_lead_is_scored_decided_assigned_and_accepted(house: House) -> None:
    lead_id = await house.lead()
    task = await house.task(lead_id, "accept_lead")
    owner = task.variables["assignment"]["owner_id"]
    assert owner in {"ana", "ben"}
    assert task.candidate_groups == ("sales-reps",)
    assert task.candidate_users == (owner,)
    assert task.form_id == "accept_lead"
    assert task.due_date == moment(task.variables["acceptance_deadlines"]["due_at"])
    assert task.variables["score"]["source"] == "model"
    assert task.variables["score"]["reasons"]
    mail = await house.mail(f"{owner}@fairlead.example", "lead")
    body = mail.get_body(("plain",))
    assert body is not None
    assert f"/leads/{lead_id}/task" in body.get_content()
    assert (await house.crm(lead_id))["owner_id"] == owner

    assert await accept(house, lead_id) == owner

    state = await house.state(lead_id)
    assert (state["state"], state["owner_id"]) == ("accepted", owner)
    assert state["score"]["model_version"]
    assert state["routing"]["territory"] == "dach"
    assert (await house.crm(lead_id))["status"] == "accepted"
    assert await house.open_slots(owner) == 1
    actions = await house.actions(lead_id)
    assert [one for one in actions if one in {"received", "registered", "scored", "assigned", "accepted"}] == [
        "received",
        "registered",
        "scored",
        "assigned",
        "accepted",
    ]


async def test_the_same_person_again_is_merged_and_said_so(house: House) -> None:
    first = await house.lead(external_id="one", phone=None)
    await accept(house, first)
    second = await house.lead(external_id="two", email="EVA+again@Beispiel-Werke.example")
    await house.ended(second, "lead_merged")
    state = await house.state(second)
    assert (state["state"], state["duplicate_of"]) == ("merged", first)
    assert "merged" in await house.actions(second)
    assert (await house.state(first))["lead"]["phone"], "the first lead gains the number it lacked"
    assert (await house.crm(second))["status"] == "merged"
    assert await house.rows("SELECT FROM routing.assignments WHERE lead_id = %s", second) == []


async def test_the_same_message_twice_starts_once(house: House) -> None:
    lead_id = await house.lead(external_id="same")
    assert await house.lead(external_id="same") == lead_id
    await house.task(lead_id, "accept_lead")
    await house.client.publish("lead_received", lead_id, {"lead_id": lead_id}, message_id="another", ttl_seconds=0)
    await accept(house, lead_id)
    assert len(house.engine.process_instances("lead_routing")) == 1


async def test_an_invalid_lead_is_corrected_by_a_person(house: House) -> None:
    lead_id = await house.lead(email="not-an-address", phone=None)
    task = await house.task(lead_id, "correct_lead")
    assert task.candidate_groups == ("sales-ops",)
    assert "email" in {problem["field"] for problem in task.variables["problems"]}
    deadlines = task.variables["correction_deadlines"]
    await house.travel_to(moment(deadlines["remind_at"]))
    await house.passed(lead_id, "reminder_sent__correct_lead")
    await house.mail("ops@fairlead.example", "lead")
    await house.travel_to(moment(deadlines["escalate_at"]))
    await house.passed(lead_id, "escalated__correct_lead")
    corrected = task.variables["corrected"] | {"email": "eva@beispiel-werke.example"}
    await house.complete(lead_id, "correct_lead", correction_outcome="corrected", corrected=corrected)
    await accept(house, lead_id)
    assert (await house.state(lead_id))["lead"]["email"] == "eva@beispiel-werke.example"


async def test_an_invalid_lead_may_be_discarded(house: House) -> None:
    lead_id = await house.lead(email=None, phone=None)
    await house.complete(lead_id, "correct_lead", correction_outcome="discarded")
    await house.ended(lead_id, "lead_discarded__correct_lead")
    assert (await house.state(lead_id))["state"] == "discarded"


async def account(house: House, owner: str) -> None:
    async with house.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO crm.accounts (id, name, domain, country, industry, employees, annual_revenue_eur, owner_id)"
            " VALUES ('acc-1', 'Beispiel Werke', 'beispiel-werke.example', 'DE', 'manufacturing', 700, 9e7, %s)",
            (owner,),
        )


async def test_the_owner_of_the_account_comes_first(house: House) -> None:
    await house.rep("zoe", weight=0.001)
    await account(house, "zoe")
    lead_id = await house.lead(employees=None)
    task = await house.task(lead_id, "accept_lead")
    assert task.variables["account"]["id"] == "acc-1"
    assert task.variables["enrichment"]["employees"] == 700
    assert task.variables["assignment"]["owner_id"] == "zoe"


async def test_it_goes_on_without_the_crm(quiet_house: House) -> None:
    house = quiet_house
    await account(house, "ana")
    await house.serve("register_lead", "match_account")
    lead_id = await house.lead()
    await house.passed(lead_id, "match_account")
    async with await psycopg.AsyncConnection.connect(house.settings.dsn) as other:
        await other.execute("LOCK TABLE crm.accounts IN ACCESS EXCLUSIVE MODE")  # the CRM hangs
        await house.serve("enrich_lead")
        await house.passed(lead_id, "crm_unavailable")
        await other.rollback()
    await house.serve()
    task = await house.task(lead_id, "accept_lead")
    assert task.variables.get("enrichment") is None


async def test_without_a_model_the_table_scores_and_a_person_decides(house: House) -> None:
    async with house.pool.connection() as connection:
        await connection.execute("UPDATE routing.models SET active = false")
    lead_id = await house.lead()
    task = await house.task(lead_id, "triage_lead")
    assert task.variables["score"]["source"] == "table"
    assert task.variables["routing"]["auto"] is False
    await house.passed(lead_id, "scorer_unavailable")
    offered = [one["value"] for one in task.variables["suggested_owners"]]
    assert set(offered) == {"ana", "ben"}
    await house.complete(lead_id, "triage_lead", triage_outcome="assign", chosen_owner="ben", triage_note="knows them")
    assert await accept(house, lead_id) == "ben"


async def test_a_dead_scorer_holds_a_lead_up_for_ten_seconds_only(quiet_house: House) -> None:
    house = quiet_house
    await house.serve(but=["score_lead"])
    lead_id = await house.lead()
    await house.passed(lead_id, "enrich_lead")
    await house.travel_to(house.now() + timedelta(seconds=11))
    task = await house.task(lead_id, "triage_lead")
    assert task.variables["score"]["source"] == "table"
    await house.passed(lead_id, "scorer_too_slow")


async def test_a_path_that_is_off_is_not_taken_and_people_read_why(house: House) -> None:
    listed = await house.lead(source="list_import")
    task = await house.task(listed, "triage_lead")
    assert task.variables["score"]["source"] == "table"
    assert "it never learned from imported lists" in task.variables["routing"]["why_text"]
    elements = {one.element_id for one in house.engine.elements(await house.instance(listed))}
    assert "score_lead" not in elements

    served = await house.lead(source="self_service", employees=20, name="Max", email="max@other.example", phone=None)
    await house.ended(served, "lead_accepted")
    state = await house.state(served)
    assert (state["state"], (await house.crm(served))["status"]) == ("accepted", "accepted")
    assert house.engine.open_user_tasks(await house.instance(served)) == []
    mail = await house.mail(f"{state['owner_id']}@fairlead.example", "lead")
    body = mail.get_body(("plain",))
    assert body is not None
    assert "You need not accept it." in body.get_content()
    assert "/task" not in body.get_content()
    accepted = await house.row(
        "SELECT actor, why FROM runtime.timeline WHERE business_id = %s AND action = 'accepted'", served
    )
    assert accepted["actor"] == "lead_routing.confirm_acceptance"
    assert "a small business that serves itself" in accepted["why"]


async def test_triage_is_reminded_escalated_and_may_discard(house: House) -> None:
    lead_id = await triaged(house)
    task = await house.task(lead_id, "triage_lead")
    assert task.variables["routing"]["territory"] is None
    assert (await house.state(lead_id))["state"] == "triage"
    deadlines = task.variables["decision_deadlines"]
    assert task.due_date == moment(deadlines["due_at"])
    await house.travel_to(moment(deadlines["remind_at"]))
    await house.passed(lead_id, "reminder_sent__triage_lead")
    await house.travel_to(moment(deadlines["escalate_at"]))
    await house.passed(lead_id, "escalated__triage_lead")
    await house.until(lambda: len(house.mailbox.mails) == 2, "a reminder and an escalation by mail")
    await house.complete(lead_id, "triage_lead", triage_outcome="discard", triage_note="a student")
    await house.ended(lead_id, "lead_discarded__triage_lead")
    assert (await house.crm(lead_id))["status"] == "discarded"


async def test_a_rejection_is_undone_and_goes_to_somebody_else(house: House) -> None:
    lead_id = await house.lead()
    first = (await house.task(lead_id, "accept_lead")).variables["assignment"]["owner_id"]
    query = "SELECT rep_id, credit FROM routing.credits ORDER BY rep_id"
    booked = await house.row("SELECT credits FROM routing.assignments WHERE lead_id = %s", lead_id)
    before = {row["rep_id"]: row["credit"] for row in await house.rows(query)}
    await house.complete(lead_id, "accept_lead", owner_response="reject", reject_reason="no_time", reject_note="")
    await house.passed(lead_id, "notify_owner", times=2)
    second = (await house.task(lead_id, "accept_lead")).variables["assignment"]["owner_id"]
    assert {first, second} == {"ana", "ben"}
    await house.passed(lead_id, "note_refusal")

    first_one, second_one = await house.rows(
        "SELECT * FROM routing.assignments WHERE lead_id = %s ORDER BY round", lead_id
    )
    assert first_one["released_at"] is not None
    assert second_one["released_at"] is None
    assert await house.open_slots(first) == 0
    after = {row["rep_id"]: row["credit"] for row in await house.rows(query)}
    for rep_id, change in before.items():
        expected = change - booked["credits"].get(rep_id, 0) + second_one["credits"].get(rep_id, 0)
        assert after[rep_id] == pytest.approx(expected), "the credit that the refused assignment moved is taken back"
    await house.mail(f"{first}@fairlead.example", "no longer")
    undone = {row["element_id"] for row in await house.rows(EFFECTS_UNDONE, lead_id)}
    assert undone == {"assign_owner", "write_owner", "notify_owner"}
    log = await house.rows(
        "SELECT old, new FROM crm.change_log WHERE external_id = %s AND field = 'owner_id' ORDER BY id", lead_id
    )
    assert [(row["old"], row["new"]) for row in log][:2] == [(None, first), (first, None)]
    await accept(house, lead_id)
    assert (await house.crm(lead_id))["owner_id"] == second


async def test_a_passed_sla_reminds_breaches_undoes_and_reroutes(house: House) -> None:
    lead_id = await house.lead()
    task = await house.task(lead_id, "accept_lead")
    owner, deadlines = task.variables["assignment"]["owner_id"], task.variables["acceptance_deadlines"]
    await house.travel_to(moment(deadlines["remind_at"]))
    await house.passed(lead_id, "reminder_sent__accept_lead")
    await house.mail(f"{owner}@fairlead.example", "remind")
    await house.travel_to(moment(deadlines["due_at"]))
    await house.passed(lead_id, "notify_owner", times=2)
    assert (await house.task(lead_id, "accept_lead")).variables["assignment"]["owner_id"] != owner
    assert (await house.state(lead_id))["sla_breaches"] == 1
    assert await house.open_slots(owner) == 0


async def test_after_three_refusals_the_manager_decides(house: House) -> None:
    await house.rep("cem")
    lead_id = await house.lead()
    refused = []
    for turn in range(3):
        await house.passed(lead_id, "notify_owner", times=turn + 1)
        task = await house.task(lead_id, "accept_lead")
        refused.append(task.variables["assignment"]["owner_id"])
        await house.complete(lead_id, "accept_lead", owner_response="reject", reject_reason="not_a_fit")
    assert sorted(refused) == ["ana", "ben", "cem"]
    task = await house.task(lead_id, "manager_decision")
    assert task.candidate_groups == ("sales-managers",)
    assert (await house.state(lead_id))["state"] == "manager"
    deadlines = task.variables["decision_deadlines"]
    await house.travel_to(moment(deadlines["remind_at"]))
    await house.passed(lead_id, "reminder_sent__manager_decision")
    await house.travel_to(moment(deadlines["escalate_at"]))
    await house.passed(lead_id, "escalated__manager_decision")
    await house.mail("mona@fairlead.example", "")
    await house.complete(
        lead_id, "manager_decision", manager_outcome="assign", chosen_owner="ana", manager_note="she knows the sector"
    )
    await house.passed(lead_id, "notify_owner", times=4)
    assert await accept(house, lead_id) == "ana"


async def test_a_manager_may_discard(house: House) -> None:
    lead_id = await house.lead()
    for turn in range(2):
        await house.passed(lead_id, "notify_owner", times=turn + 1)
        await house.complete(lead_id, "accept_lead", owner_response="reject", reject_reason="not_a_fit")
    # Both reps refused: nobody is left, so the lead waits, then the manager is asked.
    for turn in range(3):
        await house.passed(lead_id, "queue_lead", times=turn + 1)
        await house.travel_to(moment(house.engine.variables(await house.instance(lead_id))["queue_retry_at"]))
    await house.complete(lead_id, "manager_decision", manager_outcome="discard", manager_note="not for us")
    await house.ended(lead_id, "lead_discarded__manager_decision")
    assert (await house.crm(lead_id))["status"] == "discarded"


async def test_with_nobody_at_work_a_lead_waits_in_the_queue(house: House) -> None:
    await house.absent("ana", days=30)
    await house.absent("ben", days=30)
    lead_id = await house.lead()
    await house.passed(lead_id, "queue_lead")
    assert (await house.state(lead_id))["state"] == "queued"
    await house.rep("dora")
    await house.travel_to(moment(house.engine.variables(await house.instance(lead_id))["queue_retry_at"]))
    assert await accept(house, lead_id) == "dora"


async def test_a_withdrawn_lead_stops_and_everything_is_undone(house: House) -> None:
    lead_id = await house.lead()
    task = await house.task(lead_id, "accept_lead")
    owner = task.variables["assignment"]["owner_id"]
    await house.withdraw(lead_id)
    await house.ended(lead_id, "lead_was_withdrawn")
    state = await house.state(lead_id)
    assert (state["state"], state["owner_id"]) == ("withdrawn", None)
    assert await house.open_slots(owner) == 0
    crm = await house.crm(lead_id)
    assert (crm["owner_id"], crm["status"]) == (None, "withdrawn")
    await house.mail(f"{owner}@fairlead.example", "no longer")
    undone = {row["element_id"] for row in await house.rows(EFFECTS_UNDONE, lead_id)}
    assert undone == {"assign_owner", "write_owner", "notify_owner"}
    assert house.engine.open_user_tasks() == []


@pytest.mark.parametrize(
    "served", [("register_lead",), ("register_lead", "match_account", "enrich_lead", "score_lead")]
)
async def test_a_lead_may_be_withdrawn_before_it_has_an_owner(quiet_house: House, served: tuple[str, ...]) -> None:
    house = quiet_house
    await house.serve(*served)
    lead_id = await house.lead()
    await house.passed(lead_id, served[-1])
    await house.withdraw(lead_id)
    await house.serve("record_withdrawal", "settle_withdrawal")
    await house.ended(lead_id, "lead_was_withdrawn")
    assert (await house.state(lead_id))["state"] == "withdrawn"
    assert house.mailbox.mails == []


async def test_an_effect_whose_job_was_interrupted_after_its_commit_is_undone(quiet_house: House) -> None:
    """The engine never compensates an activity that was interrupted under way; the worker's side does."""
    house = quiet_house
    await house.serve(but=["assign_owner"])
    lead_id = await house.lead()
    instance = await house.instance(lead_id)
    await house.until(
        lambda: any(one.element_id == "assign_owner" for one in house.engine.elements(instance)), "assign_owner"
    )
    complete = house.client.complete
    committed: list[int] = []

    async def withdrawn_first(job_key: int, variables: str) -> None:
        # The effect is committed. Before the engine hears of it, the lead is withdrawn.
        if not committed:
            committed.append(job_key)
            await house.withdraw(lead_id)
            await house.ended(lead_id, "lead_was_withdrawn")
        await complete(job_key, variables)

    house.client.complete = withdrawn_first  # type: ignore[method-assign]
    await house.serve("assign_owner")
    await house.ended(lead_id, "lead_was_withdrawn")
    house.client.complete = complete  # type: ignore[method-assign]
    assert [row["released_at"] is None for row in await house.rows("SELECT * FROM routing.assignments")] == [False]
    assert (await house.state(lead_id))["owner_id"] is None
    assert "settled" in await house.actions(lead_id)
