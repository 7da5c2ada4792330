"""A withdrawn lead: fenced, undone, and said to the CRM, whatever was under way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.unit.lead_routing.leads.casework import NOTICE, Casework, Mailbox
from workers.runtime.errors import CaseClosed

LEAD = {"name": "Ana Ruiz", "email": "ana@acme.es"}


async def test_a_late_commit_is_fenced(case: Casework) -> None:
    await case.register("lead", LEAD)
    await case.run("record_withdrawal", lead_id="lead", withdraw_why="Ana changed her mind")
    assert (await case.lead("lead"))["state"] == "withdrawn"
    for name, more in (
        ("write_owner", {"round": 0, "assignment": {"owner_id": "ana"}, "lead": LEAD, "account": None}),
        ("match_account", {"lead": LEAD}),
        ("discard_lead", {}),
    ):
        with pytest.raises(CaseClosed):
            await case.run(name, lead_id="lead", **more)
    assert await case.sql("SELECT FROM runtime.outbox") == []
    (entry,) = await case.sql("SELECT why, facts FROM runtime.timeline WHERE action = 'withdrawn'")
    assert entry["facts"] == {"reason_given": True}


async def test_an_effect_and_a_withdrawal_at_the_same_moment_never_pass_each_other(case: Casework) -> None:
    """Either the effect was committed before the fence, and is undone, or it is refused."""
    for i in range(10):
        lead_id = f"lead-{i}"
        await case.register(lead_id, {"name": lead_id, "email": f"{lead_id}@acme.es"})
        given: dict[str, Any] = {"round": 0, "assignment": {"owner_id": "ana"}, "lead": LEAD, "account": None}
        outcomes: list[Any] = await asyncio.gather(
            case.run("write_owner", lead_id=lead_id, **given),
            case.run("record_withdrawal", lead_id=lead_id),
            return_exceptions=True,
        )
        late = outcomes[0]
        settled = await case.run("settle_withdrawal", lead_id=lead_id)
        assert isinstance(late, CaseClosed | dict)
        assert settled["leftovers_undone"] == (["write_owner"] if isinstance(late, dict) else [])
    await case.deliver()
    rows = await case.sql("SELECT owner_id, status FROM crm.leads")
    assert {(row["owner_id"], row["status"]) for row in rows} == {(None, "withdrawn")}
    assert len(rows) == 10


async def test_leftovers_are_undone_newest_first_and_only_once(case: Casework, mails: Mailbox) -> None:
    await case.register("lead", LEAD)
    given: dict[str, Any] = {
        "lead_id": "lead",
        "round": 0,
        "assignment": {"owner_id": "ana"},
        "lead": LEAD,
        "account": None,
    }
    await case.run("write_owner", **given)
    await case.run("notify_owner", round=0, **NOTICE)
    await case.run("record_withdrawal", lead_id="lead")
    await case.run("recall_notice", lead_id="lead", round=0)  # the engine compensated this one
    assert await case.run("settle_withdrawal", lead_id="lead") == {"leftovers_undone": ["write_owner"]}
    assert await case.run("settle_withdrawal", lead_id="lead") == {"leftovers_undone": ["write_owner"]}
    await case.deliver()
    crm = await case.crm_lead("lead")
    assert (crm["owner_id"], crm["status"]) == (None, "withdrawn")
    assert len(mails.mails) == 2
    assert (await case.actions("lead"))[-4:] == ["withdrawn", "recalled", "crm_restored", "settled"]


async def test_a_lead_whose_story_had_ended_keeps_its_end(case: Casework) -> None:
    await case.register("lead", LEAD)
    await case.run("discard_lead", lead_id="lead", manager_outcome="discard")
    await case.run("record_withdrawal", lead_id="lead")
    await case.run("settle_withdrawal", lead_id="lead")
    await case.deliver()
    assert (await case.lead("lead"))["state"] == "discarded"
    assert (await case.crm_lead("lead"))["status"] == "discarded"
