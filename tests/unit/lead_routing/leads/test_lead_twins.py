"""When two leads are one person asking twice, also when both come at the same moment."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.lead_routing.leads.casework import Casework
from workers.lead_routing.domain.duplicates import Known, find_twin, keys_of, similar_names
from workers.lead_routing.domain.lead import Lead
from workers.runtime.errors import CaseClosed, PermanentError

ANA = {"name": "Ana Ruiz", "email": "ana@acme.es", "phone": "+34612345678", "company": "Acme S.L.", "country": "ES"}


def known(lead_id: str, lead: Lead, day: int = 1) -> Known:
    return Known(lead_id, keys_of(lead), lead.name, datetime(2026, 1, day, tzinfo=UTC))


@pytest.mark.parametrize(
    ("one", "other", "rule"),
    [
        (Lead(email="a.b+x@gmail.com"), Lead(email="ab@googlemail.com"), "same_email"),
        (Lead(email="info@acme.es", name="Ana Ruiz"), Lead(email="info@acme.es", name="Ruiz, Ana"), "same_email"),
        (Lead(email="info@acme.es", name="Ana Ruiz"), Lead(email="info@acme.es", name="Bob Stone"), None),
        (Lead(phone="+341", name="Jon Smith"), Lead(phone="+341", name="John Smith"), "same_phone_and_name"),
        (Lead(phone="+341", name="Ana Ruiz"), Lead(phone="+341", name="Ana María Ruiz"), "same_phone_and_name"),
        (Lead(phone="+341", name="Ana Ruiz"), Lead(phone="+341", name="Bob Stone"), None),
        (Lead(phone="+341"), Lead(phone="+341"), None),
        (
            Lead(name="ANA RUÍZ", company="ACME GmbH & Co. KG"),
            Lead(name="Ana Ruiz", company="Acme"),
            "same_name_and_company",
        ),
        (Lead(name="Ana Ruiz", company="Acme"), Lead(name="Ana Ruiz", company="Apex"), None),
        (Lead(name="Ana Ruiz"), Lead(name="Ana Ruiz"), None),
        (Lead(name="…", company="Acme"), Lead(name="!", company="Acme"), None),
    ],
)
def test_rules(one: Lead, other: Lead, rule: str | None) -> None:
    twin = find_twin(one, keys_of(one), [known("old", other)])
    assert (twin.rule if twin else None) == rule


def test_the_oldest_stays() -> None:
    lead = Lead(email="a@b.co")
    twin = find_twin(lead, keys_of(lead), [known("newer", lead, 3), known("oldest", lead, 1), known("middle", lead, 2)])
    assert twin is not None
    assert twin.lead_id == "oldest"


def test_likeness_of_names_is_mutual() -> None:
    assert similar_names("Müller, Hans", "hans mueller") == similar_names("hans mueller", "Müller, Hans") is True


async def test_of_many_twins_at_the_same_moment_exactly_one_is_new(case: Casework) -> None:
    spellings: list[dict[str, Any]] = [
        ANA,
        {"name": "ANA RUIZ", "email": "Ana+x@ACME.es"},
        {"name": "Ruiz Ana", "email": "ana@acme.es", "phone": "+34 612 345 678"},
        {"name": "Ana Ruiz", "company": "Acme", "email": "ana@acme.es"},
    ]
    ids = [f"lead-{i}" for i in range(12)]
    for i, lead_id in enumerate(ids):
        await case.receive(lead_id, spellings[i % 4])
    results = await asyncio.gather(*(case.register(lead_id) for lead_id in ids))
    new = [lead_id for lead_id, result in zip(ids, results, strict=True) if result["registration"] == "new"]
    assert len(new) == 1
    assert {r["duplicate_of"] for r in results if r["registration"] == "duplicate"} == set(new)


async def test_different_people_at_the_same_moment_are_all_new(case: Casework) -> None:
    ids = [f"lead-{i}" for i in range(12)]
    for lead_id in ids:
        await case.receive(lead_id, {"name": lead_id, "email": f"{lead_id}@acme.es"})
    results = await asyncio.gather(*(case.register(lead_id) for lead_id in ids))
    assert {result["registration"] for result in results} == {"new"}


@pytest.mark.parametrize("state", ["merged", "discarded", "withdrawn", "invalid"])
async def test_a_lead_that_ended_is_never_the_one_that_stays(case: Casework, state: str) -> None:
    await case.register("old", ANA)
    await case.sql("UPDATE routing.leads SET state = %s", state)
    assert (await case.register("next", ANA))["registration"] == "new"


async def test_after_the_window_the_same_person_is_a_new_lead(case: Casework) -> None:
    await case.receive("old", ANA, days_ago=case.resources.settings.duplicate_days + 1)
    await case.register("old")
    assert (await case.register("next", ANA))["registration"] == "new"
    assert (await case.register("third", ANA))["duplicate_of"] == "next"


async def test_a_merged_lead_gives_its_twin_what_that_lacks(case: Casework) -> None:
    await case.register("old", {"name": "Ana Ruiz", "email": "ana@acme.es", "attributes": {"visits": 3}})
    given = {**ANA, "name": "A. Ruiz", "attributes": {"visits": 9, "webinars": 2}}
    result = await case.register("new", given)
    assert (result["registration"], result["duplicate_of"], result["revision"]) == ("duplicate", "old", 1)
    assert await case.run("merge_duplicate", lead_id="new", duplicate_of="old") == {"merged_into": "old"}
    kept = await case.lead("old")
    assert kept["lead"]["name"] == "Ana Ruiz"
    assert kept["lead"]["phone"] == kept["lead"]["phone"] == "+34612345678"
    assert kept["lead"]["attributes"] == {"visits": 3, "webinars": 2}
    assert kept["phone_key"] == "34612345678"
    assert kept["person_key"] == "ana ruiz|acme"
    merged = await case.lead("new")
    assert (merged["state"], merged["duplicate_of"]) == ("merged", "old")
    await case.deliver()
    crm = await case.crm_lead("new")
    assert (crm["status"], crm["fields"]) == ("merged", {"merged_into": "old"})
    assert await case.actions("new") == ["duplicate", "merged"]


async def test_an_invalid_lead_is_corrected_and_only_then_compared(case: Casework) -> None:
    await case.register("old", ANA)
    first = await case.register("new", {"name": "Ana Ruiz", "email": "ana(at)acme.es"})
    assert (first["registration"], first["revision"]) == ("invalid", 1)
    assert [problem["field"] for problem in first["problems"]] == ["email"]
    assert first["problems_text"].startswith("- “ana(at)acme.es” is no e-mail address")
    deadlines = first["correction_deadlines"]
    assert deadlines["remind_at"] < deadlines["due_at"] < deadlines["escalate_at"]
    assert (await case.lead("new"))["state"] == "invalid"
    second = await case.register("new", revision=1, corrected={"email": "ana@acme.es"})
    assert (second["registration"], second["duplicate_of"], second["correction_deadlines"]) == (
        "duplicate",
        "old",
        None,
    )


async def test_a_redelivered_registration_answers_the_same(case: Casework) -> None:
    assert await case.register("old", ANA) == await case.register("old")
    assert await case.actions("old") == ["registered"]


async def test_a_discarded_lead_stays_discarded(case: Casework) -> None:
    await case.register("old", ANA)
    await case.run("discard_lead", lead_id="old", triage_outcome="discard", triage_note="Ana is a student")
    (entry,) = await case.sql("SELECT why, facts FROM runtime.timeline WHERE action = 'discarded'")
    assert "Ana" not in entry["why"]
    with pytest.raises(CaseClosed):
        await case.run("merge_duplicate", lead_id="old", duplicate_of="old")
    await case.deliver()
    assert (await case.crm_lead("old"))["status"] == "discarded"


async def test_a_lead_nobody_received_says_what_to_do(case: Casework) -> None:
    with pytest.raises(PermanentError, match="Send it to the gateway again"):
        await case.register("nowhere")
