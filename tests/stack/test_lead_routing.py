"""Leads on their way through the full local stack: HTTP, engine, workers, database, CRM and mail."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.stack.office import ASK_SECONDS, Office, new_lead

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

CREDITS_OFF = """
    SELECT rep_id, have.credit, said.credit AS said
    FROM (SELECT rep_id, credit FROM routing.credits WHERE pool = 'dach') have
    FULL JOIN (
        SELECT c.key AS rep_id, sum(c.value::float8) AS credit FROM routing.assignments, jsonb_each_text(credits) c
        WHERE pool = 'dach' AND released_at IS NULL GROUP BY c.key
    ) said USING (rep_id)
    WHERE abs(coalesce(have.credit, 0) - coalesce(said.credit, 0)) > 1e-6"""
"""Whose credit is not what the assignments that stand give; everybody began with nothing. Read in one statement, as other
leads of the pool come and go meanwhile."""
SLOTS = """SELECT count(*) AS n FROM routing.assignments
    WHERE lead_id = %s AND rep_id = %s AND released_at IS NULL AND closed_at IS NULL"""


async def crm_says(office: Office, lead_id: str, owner: str | None, status: str) -> None:
    """Wait until the CRM has the lead with this owner and status."""

    async def there() -> bool:
        found = await office.rows("SELECT owner_id, status FROM crm.leads WHERE external_id = %s", lead_id)
        return found == [{"owner_id": owner, "status": status}]

    await office.until(there, f"the CRM to say that {lead_id} is {status} with {owner}")


async def owners_in_crm(office: Office, lead_id: str) -> list[str | None]:
    """Whom the CRM named as the lead's owner, one after the other."""
    query = "SELECT new FROM crm.change_log WHERE external_id = %s AND field = 'owner_id' ORDER BY id"
    return [row["new"] for row in await office.rows(query, lead_id)]


async def slots(office: Office, lead_id: str, rep_id: str) -> int:
    """How many of the rep's places the lead takes."""
    return int((await office.rows(SLOTS, lead_id, rep_id))[0]["n"])


async def test_leads_come_in_over_http_and_find_their_owners(office: Office) -> None:
    batch = [new_lead(), new_lead() | {"employes": 12}, new_lead(country="BR", language="pt"), new_lead(country="SE")]
    answer = await office.http.post("/v1/leads", json=batch)
    assert answer.status_code == 202
    results = answer.json()["results"]
    assert [one.get("lead_id") is not None for one in results] == [True, False, True, True]
    assert results[1]["problem"]["type"].endswith(":invalid-lead")
    assert (await office.http.post("/v1/leads", json=batch[:1])).json()["results"][0]["duplicate"]

    view = await office.reaches(results[0]["lead_id"], "assigned")
    assert view["owner"]["id"] == view["assignments"][0]["owner"]["id"]
    assert view["score"]["source"] == "model"
    assert view["score"]["model_version"] == view["versions"]["model"]
    assert all(reason["text"] for reason in view["score"]["reasons"])
    assert view["routing"]["territory"] == "dach"
    assert view["sla"]["due_at"] is not None
    said = [entry["action"] for entry in view["timeline"]]
    steps = ["received", "registered", "matched", "scored", "decided", "assigned"]
    assert [one for one in said if one in steps] == steps
    assert all(entry["why"] for entry in view["timeline"])
    assert (await office.reaches(results[2]["lead_id"], "triage"))["owner"] is None
    assert (await office.reaches(results[3]["lead_id"], "assigned"))["routing"]["territory"] == "nordics"

    shown = office.stack.fairlead("leads", "show", view["lead_id"])
    assert shown.returncode == 0, shown.stderr
    for part in (view["lead"]["name"], view["owner"]["name"], "scored", "assigned", view["versions"]["model"]):
        assert part in shown.stdout
    as_json = json.loads(office.stack.fairlead("leads", "show", view["lead_id"], "--json").stdout)
    # Side by side with what was there before, something may have begun earlier and been told later.
    assert [one for one in as_json["timeline"] if one in view["timeline"]] == view["timeline"]


async def test_the_owner_gets_a_mail_whose_link_leads_to_the_task_and_accepts(office: Office) -> None:
    (lead_id,) = await office.send(new_lead())
    owner = (await office.reaches(lead_id, "assigned"))["owner"]
    mail = await office.mail(owner["email"], f"/leads/{lead_id}/task")
    body = mail.get_body(("plain",))
    assert body is not None
    link = next(word for word in body.get_content().split() if word.endswith(f"/leads/{lead_id}/task"))
    task = await office.task(lead_id, "accept_lead")
    async with httpx.AsyncClient(
        trust_env=False, timeout=ASK_SECONDS
    ) as browser:  # as a person does: without our token
        answer = await browser.get(link)
        assert answer.status_code == 303
        target = answer.headers["Location"]
        assert target == f"{office.settings.camunda_url}/tasklist/{task.key}"
        assert (await browser.get(target, follow_redirects=True)).status_code == 200

    await office.complete(lead_id, "accept_lead", owner_response="accept", reject_reason=None, reject_note=None)
    view = await office.reaches(lead_id, "accepted", owner["id"])
    assert view["sla"]["breaches"] == 0
    await crm_says(office, lead_id, owner["id"], "accepted")
    answer = await office.http.post(f"/v1/leads/{lead_id}/withdraw", json={"why": "too late"})
    assert answer.status_code == 409


async def test_a_rejection_is_undone_and_the_lead_goes_to_somebody_else(office: Office) -> None:
    (lead_id,) = await office.send(new_lead())
    first = (await office.reaches(lead_id, "assigned"))["owner"]
    (booked,) = await office.rows("SELECT pool, credits FROM routing.assignments WHERE lead_id = %s", lead_id)
    assert booked["pool"] == "dach"
    assert any(booked["credits"].values())
    assert await slots(office, lead_id, first["id"]) == 1
    await office.mail(first["email"], "New lead for you", f"/leads/{lead_id}/task")
    task = await office.complete(
        lead_id, "accept_lead", owner_response="reject", reject_reason="no_time", reject_note="at the fair"
    )
    await office.task(lead_id, "accept_lead", after=task.key)

    view = await office.reaches(lead_id, "assigned")
    rounds = view["assignments"]
    assert [one["round"] for one in rounds] == [0, 1]
    assert rounds[0]["owner"]["id"] == first["id"]
    assert rounds[0]["released_at"] is not None
    second = rounds[1]["owner"]
    assert second["id"] == view["owner"]["id"] != first["id"]
    assert [await slots(office, lead_id, one["id"]) for one in (first, second)] == [0, 1]
    assert await office.rows(CREDITS_OFF) == [], "what the first assignment had changed was given back"
    await crm_says(office, lead_id, second["id"], "assigned")
    assert await owners_in_crm(office, lead_id) == [first["id"], None, second["id"]]
    await office.mail(first["email"], "No longer yours", view["lead"]["name"])
    await office.mail(second["email"], "New lead for you", f"/leads/{lead_id}/task")
    said = [entry["action"] for entry in view["timeline"]]
    undone = ["assigned", "released", "crm_restored", "recalled", "rejected", "assigned"]
    assert sorted(one for one in said if one in undone) == sorted(undone)


async def test_a_withdrawn_lead_stops_and_is_undone(office: Office) -> None:
    (lead_id,) = await office.send(new_lead())
    owner = (await office.reaches(lead_id, "assigned"))["owner"]
    assert await slots(office, lead_id, owner["id"]) == 1
    task = await office.task(lead_id, "accept_lead")
    answer = await office.http.post(f"/v1/leads/{lead_id}/withdraw", json={"why": "bought elsewhere"})
    assert answer.status_code == 202

    await crm_says(office, lead_id, None, "withdrawn")  # the last thing that happens
    view = await office.reaches(lead_id, "withdrawn")
    assert view["owner"] is None
    assert await slots(office, lead_id, owner["id"]) == 0
    await office.mail(owner["email"], "No longer yours", view["lead"]["name"])

    async def closed() -> bool:
        found = await office.camunda.user_tasks(state=None, process_instance_key=task.process_instance_key)
        return [one.state for one in found] == ["CANCELED"]

    await office.until(closed, f"the owner's task of {lead_id} to be gone")

    async def calm() -> bool:
        return not await office.camunda.incidents(task.process_instance_key)

    await office.until(calm, f"{lead_id} to be without an incident")
    page = await office.http.get(f"/leads/{lead_id}/task")
    assert "withdrawn" in page.text
