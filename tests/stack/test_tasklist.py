"""People at work in Tasklist, in a real Chromium, on the full local engine."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.stack.browser import Tasklist, open_tasklist
from tests.stack.office import Office, new_lead

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture
async def tasklist(office: Office, tmp_path: Path) -> AsyncIterator[Tasklist]:
    async with open_tasklist(office.settings, tmp_path) as opened:
        await opened.log_in("demo", "demo")
        yield opened


async def test_a_lead_is_triaged_in_tasklist(office: Office, tasklist: Tasklist) -> None:
    message = "We compare vendors for our thirty sales people. Please call before Friday."
    lead = new_lead(name="Luísa Prado", country="BR", language="pt", message=message)
    lead["company"] = f"Aço & Máquinas {lead['external_id']}"
    (lead_id,) = await office.send(lead)
    view = await office.reaches(lead_id, "triage")
    task = await office.task(lead_id, "triage_lead")
    await tasklist.open(task.key, message)

    form = tasklist.form
    for said in (lead["name"], lead["company"], message, "of 100", "None: new to us."):
        await expect(form).to_contain_text(said)
    for why in (*(one["text"] for one in view["score"]["reasons"]), *view["routing"]["why"]):
        await expect(form).to_contain_text(why)
    await expect(tasklist.page.get_by_role("button", name="Complete Task")).to_be_disabled()

    await tasklist.take()
    await form.get_by_text("Assign it").click()
    await expect(form).to_contain_text("Without a territory nobody is next in turn: please choose")
    await form.get_by_role("textbox", name="To whom?").click()
    offered = form.locator(".fjs-dropdownlist-item")
    await expect(offered.first).to_be_visible()
    await tasklist.picture("tasklist_triage")
    labels = await offered.all_inner_texts()
    assert len(labels) > 2
    assert all(re.search(r" · \d+ of \d+ open, \d+ of \d+ today · speaks ", label) for label in labels)

    owner = await office.rows("SELECT id, name, email FROM routing.reps WHERE name = %s", labels[1].split(" · ")[0])
    await offered.nth(1).click()
    await tasklist.picture("tasklist_triage_chosen")
    await tasklist.complete()

    view = await office.reaches(lead_id, "assigned", owner[0]["id"])
    assert [one["owner"]["id"] for one in view["assignments"]] == [owner[0]["id"]]
    assert view["assignments"][0]["pool"] is None, "a person's choice moves nobody's credits"

    async def done() -> bool:
        found = await office.camunda.user_tasks(state="COMPLETED", process_instance_key=task.process_instance_key)
        return [(one.element_id, one.assignee) for one in found] == [("triage_lead", "demo")]

    await office.until(done, "demo's task in the search of completed ones")
    await office.mail(owner[0]["email"], lead["company"], f"/leads/{lead_id}/task")


async def test_an_owner_rejects_in_tasklist_and_the_lead_goes_on(office: Office, tasklist: Tasklist) -> None:
    (lead_id,) = await office.send(new_lead(name="Jonas Keller"))
    first = (await office.reaches(lead_id, "assigned"))["owner"]["id"]
    await tasklist.open((await office.task(lead_id, "accept_lead")).key, "Jonas Keller")
    await tasklist.take()
    form = tasklist.form
    await expect(form).to_contain_text("Jonas Keller")
    await form.get_by_text("No", exact=True).click()
    await form.get_by_role("textbox", name="Why not?").or_(form.get_by_text("Select")).first.click()
    await form.locator(".fjs-dropdownlist-item", has_text="I know them").click()
    await tasklist.fill("Anything to add?", "They work with Ana since the fair.")
    await tasklist.picture("tasklist_accept")
    await tasklist.complete()

    async def rerouted() -> bool:
        found = await office.rows(
            "SELECT rep_id, released_at, release_why FROM routing.assignments WHERE lead_id = %s ORDER BY round",
            lead_id,
        )
        return len(found) == 2 and found[0]["released_at"] is not None and found[1]["rep_id"] != first

    await office.until(rerouted, f"{lead_id} to go to somebody else than {first}")
    refusals = [one for one in (await office.view(lead_id))["timeline"] if one["action"] == "rejected"]
    assert len(refusals) == 1
    assert refusals[0]["facts"]["reason"] == "conflict"


async def test_the_list_shows_what_waits_for_whom(office: Office, tasklist: Tasklist) -> None:
    waits = {
        "triage_lead": new_lead(name="Rui Prado", country="BR", language="pt"),
        "accept_lead": new_lead(name="Mara Lindner"),
    }
    sent = zip(waits, await office.send(*waits.values()), strict=True)
    keys = {element: (await office.task(lead_id, element)).key for element, lead_id in sent}
    for element, lead in waits.items():
        await tasklist.open(keys[element], lead["name"])
    await expect(tasklist.page.get_by_test_id(f"task-{keys['triage_lead']}")).to_contain_text("Triage lead")
    await expect(tasklist.page.get_by_test_id(f"task-{keys['accept_lead']}")).to_contain_text("Accept lead")
    await tasklist.picture("tasklist_list")
